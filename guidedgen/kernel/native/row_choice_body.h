// Choosing a token of one row of logits under a packed mask: maxima, logarithms of sums of exponentials, temperature and cuts, and
// inversion, in a few passes over numbers that stay in the cache. Sums run over blocks of tokens in double precision, and always in
// the same order. Included by row_kernels_body.h; the torch twin is guidedgen/sampler/pipeline.py. Templates of the standard library
// are used with types of this file alone: others, compiled for this processor, could be linked into what runs on any.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "lanes.h"
#include "row_choice.h"

namespace guidedgen {
namespace {

constexpr int64_t WORD = 32;                  // tokens of one word of a mask
constexpr int64_t PARTS = WORD / LANES;       // registers of its logits
constexpr float NOWHERE = -std::numeric_limits<float>::infinity();

// One bit of a word for each lane, spread over the lanes: all ones where a token is allowed.
inline Ints spread(uint32_t word, int64_t part) {
    Words bits{};
    for (int64_t lane = 0; lane < LANES; ++lane) bits[lane] = 1u << lane;
    const Words given = bits_as<Words>(splat(static_cast<int32_t>(word >> (part * LANES))));
    return (given & bits) != Words{};
}

struct Greater {
    bool operator()(float a, float b) const { return a > b; }
};

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// act(logits of 32 tokens, their word, first token); what is missing of the last 32 counts as minus infinity, and forbidden.
template <typename Act>
inline void by_words(const MaskedRow& row, int64_t first, int64_t last, const Act& act) {
    const auto word = [&](int64_t number) { return row.words && number < row.word_count ? row.words[number] : row.words ? 0u : ~0u; };
    for (int64_t token = first; token < last; token += WORD) {
        if (token + WORD <= row.width) {
            act(row.logits + token, word(token / WORD), token);
            continue;
        }
        float rest[WORD];
        for (int64_t i = 0; i < WORD; ++i) rest[i] = token + i < row.width ? row.logits[token + i] : NOWHERE;
        act(rest, word(token / WORD) & ((1u << (row.width - token)) - 1), token);
    }
}

// The best of the allowed ones, and the first of them that is as good; the best of all.
RowSums best_of(const MaskedRow& row) {
    Floats best = splat(NOWHERE);
    float most = NOWHERE;
    int64_t found = -1;  // where the block begins that has it
    for (int64_t start = 0; start < row.width; start += CHOICE_BLOCK) {
        Floats allowed = splat(NOWHERE);
        by_words(row, start, least(start + CHOICE_BLOCK, row.width), [&](const float* logits, uint32_t word, int64_t) {
            for (int64_t part = 0; part < PARTS; ++part) {
                const Floats here = load<Floats>(logits + part * LANES);
                best = greater(best, here);
                if (word) allowed = greater(allowed, spread(word, part) ? here : splat(NOWHERE));
            }
        });
        const float own = largest(allowed);
        if (own > most) most = own, found = start;
    }
    int64_t token = -1;
    if (found >= 0)
        by_words(row, found, least(found + CHOICE_BLOCK, row.width), [&](const float* logits, uint32_t word, int64_t first) {
            for (int64_t i = 0; i < WORD && token < 0; ++i)
                if ((word >> i & 1) && logits[i] == most) token = first + i;
        });
    return {largest(best), most, token, 0, 0};
}

RowSums judge(const MaskedRow& row) {
    RowSums found = best_of(row);
    const bool same = found.best == found.best_allowed;
    double all = 0, mass = 0;
    for (int64_t start = 0; start < row.width; start += CHOICE_BLOCK) {
        Floats sums{}, masked{};
        by_words(row, start, least(start + CHOICE_BLOCK, row.width), [&](const float* logits, uint32_t word, int64_t) {
            for (int64_t part = 0; part < PARTS; ++part) {
                const Floats here = load<Floats>(logits + part * LANES), share = exponential(here - found.best);
                sums += share;
                if (word) masked += spread(word, part) ? (same ? share : exponential(here - found.best_allowed)) : Floats{};
            }
        });
        all += static_cast<double>(sum(sums));
        mass += static_cast<double>(sum(masked));
    }
    found.log_all = std::log(all) + static_cast<double>(found.best);
    found.log_allowed = std::log(mass) + static_cast<double>(found.best_allowed);
    return found;
}

// What a row may still become: its chances, block by block, with each block's sum and largest number.
class Chances {
  public:
    Chances(const MaskedRow& row, float best, float temperature, const ChoiceRoom& room) : room_(room), blocks_(choice_blocks(row.width)) {
        using Range = std::numeric_limits<float>;
        const float heat = temperature < Range::min() ? Range::min() : temperature > Range::max() ? Range::max() : temperature;
        for (int64_t block = 0; block < blocks_; ++block) {
            const int64_t start = block * CHOICE_BLOCK;
            float* to = room.chances + start;
            std::memset(to, 0, CHOICE_BLOCK * sizeof(float));
            by_words(row, start, least(start + CHOICE_BLOCK, row.width), [&](const float* logits, uint32_t word, int64_t token) {
                if (!word) return;
                for (int64_t part = 0; part < PARTS; ++part) {
                    const Floats share = exponential((load<Floats>(logits + part * LANES) - best) / heat);
                    store(to + token - start + part * LANES, spread(word, part) ? share : Floats{});
                }
            });
            note(block);
        }
    }

    double total() const {
        double total = 0;
        for (int64_t block = 0; block < blocks_; ++block) total += room_.sums[block];
        return total;
    }

    // Nothing below the floor; the best stays.
    void cut(float floor) {
        const float best = most(), bound = floor < best ? floor : best;
        for (int64_t block = 0; block < blocks_; ++block) {
            if (room_.most[block] == 0) continue;
            float* here = room_.chances + block * CHOICE_BLOCK;
            for (int64_t i = 0; i < CHOICE_BLOCK; i += LANES) {
                const Floats part = load<Floats>(here + i);
                store(here + i, part >= splat(bound) ? part : Floats{});
            }
            note(block);
        }
    }

    float most() const {
        float best = 0;
        for (int64_t block = 0; block < blocks_; ++block) best = room_.most[block] > best ? room_.most[block] : best;
        return best;
    }

    // The k-th largest chance; 0 where fewer are left.
    float top(int64_t k) {
        const int64_t count = pick(k);
        return count < k ? 0 : largest_of(room_.picked, count, k);
    }

    // The smallest chance of those that are kept while the better ones have less than a share p of the mass. Bits of numbers above 0 are
    // ordered as they are, so halving an interval of bits leaves few of them soon, and only these are sorted.
    float nucleus(double p) {
        const double wanted = p * total();
        uint32_t low = 0, high = bits_as<uint32_t>(most()) + 1;  // what is as good as low has the mass wanted, as high less
        Mass above{0, 0}, all = mass(low);
        while (all.count - above.count > FEW && high - low > 1) {
            const uint32_t middle = low + (high - low) / 2;
            const Mass here = mass(middle);
            if (here.sum < wanted) high = middle, above = here;
            else low = middle, all = here;
        }
        const int64_t count = pick_between(bits_as<float>(low), bits_as<float>(high));
        std::sort(room_.picked, room_.picked + count, Greater());
        double sum = above.sum;
        for (int64_t i = 0; i < count; ++i) {
            sum += static_cast<double>(room_.picked[i]);
            if (sum >= wanted) return room_.picked[i];
        }
        return bits_as<float>(low);
    }

    // The first token whose cumulative chance exceeds a share of all: the block first, then inside it.
    int64_t invert(double uniform) const {
        double point = uniform * total(), passed = 0;
        int64_t block = -1;
        for (int64_t number = 0; number < blocks_; ++number) {
            const double weight = room_.sums[number];
            if (weight <= 0) continue;
            if (block >= 0) passed += room_.sums[block];
            block = number;
            if (passed + weight > point) break;
        }
        if (block < 0) return -1;
        const float* here = room_.chances + block * CHOICE_BLOCK;
        double own = 0;
        for (int64_t i = 0; i < CHOICE_BLOCK; ++i) own += static_cast<double>(here[i]);
        point = (point - passed) / room_.sums[block] * own;
        int64_t found = -1;
        passed = 0;
        for (int64_t i = 0; i < CHOICE_BLOCK; ++i) {
            if (here[i] <= 0) continue;
            found = block * CHOICE_BLOCK + i;
            passed += static_cast<double>(here[i]);
            if (passed > point) break;
        }
        return found;
    }

    float at(int64_t token) const { return room_.chances[token]; }

  private:
    void note(int64_t block) {
        const float* here = room_.chances + block * CHOICE_BLOCK;
        Floats sums{}, best{};
        for (int64_t i = 0; i < CHOICE_BLOCK; i += LANES) {
            sums += load<Floats>(here + i);
            best = greater(best, load<Floats>(here + i));
        }
        room_.sums[block] = static_cast<double>(sum(sums));
        room_.most[block] = largest(best);
    }

    // The k-th largest of `count` numbers, whose order changes.
    static float largest_of(float* numbers, int64_t count, int64_t k) {
        std::nth_element(numbers, numbers + (k - 1), numbers + count, Greater());
        return numbers[k - 1];
    }

    // Picks at least the `wanted` largest chances, or all above 0: those as good as the wanted-th best block's best. How many.
    int64_t pick(int64_t wanted) {
        float bound = 0;
        if (wanted <= blocks_) {
            std::memcpy(room_.picked, room_.most, static_cast<size_t>(blocks_) * sizeof(float));
            bound = largest_of(room_.picked, blocks_, wanted);
        }
        return pick_between(bound, std::numeric_limits<float>::infinity());
    }

    // Picks the chances above 0 from `low` up to below `high`.
    int64_t pick_between(float low, float high) {
        int64_t count = 0;
        for (int64_t block = 0; block < blocks_; ++block) {
            if (room_.most[block] == 0 || room_.most[block] < low) continue;
            const float* here = room_.chances + block * CHOICE_BLOCK;
            for (int64_t i = 0; i < CHOICE_BLOCK; ++i)
                if (here[i] > 0 && here[i] >= low && here[i] < high) room_.picked[count++] = here[i];
        }
        return count;
    }

    struct Mass {
        double sum;
        int64_t count;
    };

    // Of the chances above 0 that are at least as good as a number, given by its bits.
    Mass mass(uint32_t bits) const {
        const float low = bits_as<float>(bits ? bits : 1u);
        Mass found{0, 0};
        for (int64_t block = 0; block < blocks_; ++block) {
            if (room_.most[block] < low) continue;
            const float* here = room_.chances + block * CHOICE_BLOCK;
            Floats sums{}, counts{};
            for (int64_t i = 0; i < CHOICE_BLOCK; i += LANES) {
                const Floats part = load<Floats>(here + i);
                const Ints good = part >= splat(low);
                sums += good ? part : Floats{};
                counts += good ? splat(1.0f) : Floats{};
            }
            found.sum += static_cast<double>(sum(sums));
            found.count += static_cast<int64_t>(sum(counts));
        }
        return found;
    }

    static constexpr int64_t FEW = 256;  // what is sorted

    const ChoiceRoom& room_;
    int64_t blocks_;
};

Drawn draw(const MaskedRow& row, const RowSums& sums, const ChoiceCuts& cuts, double uniform, const ChoiceRoom& room) {
    Chances chances(row, sums.best_allowed, cuts.temperature, room);
    if (cuts.top_k > 0) chances.cut(chances.top(cuts.top_k));
    if (cuts.top_p < 1) chances.cut(chances.nucleus(cuts.top_p));
    if (cuts.min_p > 0) chances.cut(static_cast<float>(cuts.min_p * static_cast<double>(chances.most())));
    const int64_t token = chances.invert(uniform);
    if (token < 0) return {-1, 0};
    return {token, static_cast<double>(chances.at(token)) / chances.total()};
}

}  // namespace
}  // namespace guidedgen
