// Rows of logits under packed masks, and what is asked of them: what the model makes of a row, and a token drawn from it.
#pragma once

#include <cstdint>

namespace guidedgen {

constexpr int64_t CHOICE_BLOCK = 128;  // tokens that are summed up before anybody looks closer

struct MaskedRow {
    const float* logits;
    int64_t width;
    const uint32_t* words;  // lowest bit first; null allows everything, and tokens beyond the words are forbidden
    int64_t word_count;
};

struct RowSums {
    float best, best_allowed;
    int64_t token;            // the first allowed one with the best logit; -1 where none is a number above minus infinity
    double log_all;           // logarithms of sums of exponentials: of all logits, of the allowed ones
    double log_allowed;
};

struct ChoiceCuts {
    float temperature;
    int64_t top_k;  // 0 is off
    double top_p;   // 1 is off
    double min_p;   // 0 is off
};

struct Drawn {
    int64_t token;  // -1 where nothing has a chance
    double chance;
};

// Memory that rows use one after the other, for logits of one width.
struct ChoiceRoom {
    float* chances;  // [blocks * CHOICE_BLOCK]
    float* picked;   // [blocks * CHOICE_BLOCK]
    float* most;     // [blocks]
    double* sums;    // [blocks]
};

inline int64_t choice_blocks(int64_t width) { return (width + CHOICE_BLOCK - 1) / CHOICE_BLOCK; }

}  // namespace guidedgen
