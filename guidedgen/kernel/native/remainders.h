// What stands behind the end of a lexeme in tokens that cross it, as a tree that grows where something can read it.
#pragma once

#include <algorithm>

#include "trie_walks.h"

namespace guidedgen {

class Remainders : public TrieWalks {
  public:
    using TrieWalks::TrieWalks;

    // Nodes below a remainder: whether working `below` out for it is worth the memory.
    bool many_below(const LexMask& mask, uint32_t at) const {
        size_t nodes = 0;
        for (uint32_t node : mask.remainders[at].trie_nodes) nodes += trie_->nodes[node].skip - node - 1;
        return nodes >= kManyBelow;
    }

    // Tokens that end where a remainder does.
    const std::vector<int32_t>& tokens(Remainder& remainder) {
        if (remainder.listed) return remainder.tokens;
        for (uint32_t n : remainder.trie_nodes) {
            const TrieNode& node = trie_->nodes[n];
            remainder.tokens.insert(remainder.tokens.end(), trie_->tokens.begin() + node.tok, trie_->tokens.begin() + node.tok + node.ntok);
        }
        remainder.listed = true;
        bytes_ += static_cast<int64_t>(remainder.tokens.size() * 4);
        return remainder.tokens;
    }

    // Where a great many tokens go on, only the children by some bytes are made: few are ever asked for.
    std::vector<Remainder::Child> children(LexMask& mask, uint32_t at, const ByteSet& bytes) {
        Remainder& parent = mask.remainders[at];
        if (const ByteSet fresh = bytes - parent.known; !fresh.empty()) {
            add_children(mask, parent, fresh);
            parent.known = parent.known | fresh;
        }
        return parent.children;
    }

    // Whether that is worth it: they are not all made yet, and many.
    bool vast(const LexMask& mask, uint32_t at) const {
        return !mask.remainders[at].expanded && mask.remainders[at].trie_nodes.size() >= kVast;
    }

    const std::vector<Remainder::Child>& children(LexMask& mask, uint32_t at) {
        Remainder& parent = mask.remainders[at];
        if (parent.expanded) return parent.children;
        parent.expanded = true;
        const auto leaf = [this](uint32_t node) { return trie_->leaf(node); };
        if (!std::all_of(parent.trie_nodes.begin(), parent.trie_nodes.end(), leaf)) add_children(mask, parent, ByteSet::all() - parent.known);
        return parent.children;
    }

  private:
    static constexpr size_t kManyBelow = 64;   // nodes
    static constexpr size_t kVast = 4096;      // nodes

    void add_children(LexMask& mask, Remainder& parent, const ByteSet& bytes) {
        uint32_t where[256] = {};
        const size_t before = parent.children.size();
        for (uint32_t p : parent.trie_nodes) {
            const Subtrees::Below* below = trie_->subtrees.below(p);
            if (below && (below->next & bytes).empty()) continue;
            for (uint32_t c = p + 1; c < trie_->nodes[p].skip; c = trie_->nodes[c].skip) {
                const uint8_t b = trie_->nodes[c].byte;
                if (!bytes.has(b)) continue;
                if (!where[b]) {
                    where[b] = static_cast<uint32_t>(mask.remainders.size());
                    mask.remainders.emplace_back();
                    parent.children.push_back({b, where[b]});
                }
                mask.remainders[where[b]].trie_nodes.push_back(c);
                bytes_ += 4;
            }
        }
        bytes_ += static_cast<int64_t>((parent.children.size() - before) * (sizeof(Remainder) + sizeof(Remainder::Child)));
        std::sort(parent.children.begin(), parent.children.end(), [](const auto& x, const auto& y) { return x.byte < y.byte; });
    }
};

}  // namespace guidedgen
