// Words among the tokens, worked out once per vocabulary: where in them something else stands than letters and digits of ASCII.
//
// Names and words lead back to the state of a lexeme, and tokens that begin so seldom hold anything else: what is not a letter or a digit
// is gone to straight away, and all between is taken.
#pragma once

#include <vector>

#include "trie.h"

namespace guidedgen {

class WordTokens {
  public:
    explicit WordTokens(const Trie& trie) : before_(trie.nodes.size() + 1, 0) {
        const uint32_t letters = classes();
        std::vector<uint32_t> path(static_cast<size_t>(trie.longest) + 1, 0);
        for (uint32_t i = 1; i < trie.nodes.size(); ++i) {
            const TrieNode& node = trie.nodes[i];
            path[node.depth] = i;
            before_[i] = static_cast<uint32_t>(others_.size());
            if (!(ByteClasses::of(node.byte) & letters)) others_.push_back({i, node.depth > 1 ? path[node.depth - 1u] : 0});
        }
        before_.back() = static_cast<uint32_t>(others_.size());
    }

    // Those of letters and digits.
    static uint32_t classes() {
        static const uint32_t all = [] {
            uint32_t made = 0;
            for (int b = 0; b < 0x80; ++b)
                if ((b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z')) made |= ByteClasses::of(static_cast<uint8_t>(b));
            return made;
        }();
        return all;
    }

    // Calls `f` with the outermost nodes below one that something else leads to, ascending, and with the node above each.
    template <class F>
    void each_other(const Trie& trie, uint32_t at, F f) const {
        for (uint32_t k = before_[at + 1]; k < before_[trie.nodes[at].skip]; k = before_[trie.nodes[others_[k].node].skip]) f(others_[k].node, others_[k].above);
    }

    int64_t memory() const { return static_cast<int64_t>(before_.size() * 4 + others_.size() * sizeof(Other)); }

  private:
    struct Other {
        uint32_t node, above;
    };

    std::vector<uint32_t> before_;   // by node: how many others come before it
    std::vector<Other> others_;
};

}  // namespace guidedgen
