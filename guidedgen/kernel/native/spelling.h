// Texts as tokens of the vocabulary: the fewest that spell one.
#pragma once

#include <climits>

#include "trie.h"

namespace guidedgen {

inline uint32_t child_of(const Trie& trie, uint32_t node, uint8_t byte) {
    if (node == 0) return trie.root_child[byte];
    for (uint32_t c = node + 1; c < trie.nodes[node].skip; c = trie.nodes[c].skip)
        if (trie.nodes[c].byte == byte) return c;
    return 0;
}

class Spelling {
  public:
    static constexpr int32_t kUnspellable = INT32_MAX;   // no tokens of the vocabulary spell the text

    explicit Spelling(const Trie& trie) : trie_(trie) {}

    // How many tokens, at least, have bytes that join to `text` (dynamic programming from the end); they are appended to
    // `out` where it is given.
    int32_t fewest(const std::vector<uint8_t>& text, std::vector<int32_t>* out) {
        const size_t n = text.size();
        fewest_.assign(n + 1, kUnspellable);
        token_.assign(n, -1);
        length_.assign(n, 0);
        fewest_[n] = 0;
        for (size_t i = n; i-- > 0;) {
            uint32_t node = 0;
            for (size_t j = i; j < n; ++j) {
                node = child_of(trie_, node, text[j]);
                if (!node) break;
                if (trie_.nodes[node].ntok && fewest_[j + 1] != kUnspellable && fewest_[j + 1] + 1 < fewest_[i]) {
                    fewest_[i] = fewest_[j + 1] + 1;
                    token_[i] = trie_.tokens[trie_.nodes[node].tok];
                    length_[i] = static_cast<int32_t>(j + 1 - i);
                }
            }
        }
        if (fewest_[0] == kUnspellable) return kUnspellable;
        for (size_t i = 0; out && i < n; i += static_cast<size_t>(length_[i])) out->push_back(token_[i]);
        return fewest_[0];
    }

  private:
    const Trie& trie_;
    std::vector<int32_t> fewest_, token_, length_;   // by offset
};

}  // namespace guidedgen
