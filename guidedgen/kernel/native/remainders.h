// What stands behind the end of a lexeme in tokens that cross it, as a tree that grows where something can read it.
#pragma once

#include <algorithm>

#include "trie_walks.h"

namespace guidedgen {

class Remainders : public TrieWalks {
  public:
    using TrieWalks::TrieWalks;

    // Whether working `below` out for a remainder is worth the memory. It is listed.
    static bool many_below(const Remainder& remainder) { return remainder.nodes_below >= kManyBelow; }

    // A remainder with the tokens that end where it does.
    const Remainder& listed(LexMask& mask, uint32_t at) {
        Remainder& remainder = mask.remainders[at];
        if (remainder.listed) return remainder;
        remainder.tokens.reserve(remainder.size());
        for (uint32_t n : nodes_of(remainder)) {
            const TrieNode& node = trie_->nodes[n];
            remainder.tokens.insert(remainder.tokens.end(), trie_->tokens.begin() + node.tok, trie_->tokens.begin() + node.tok + node.ntok);
            remainder.nodes_below += node.skip - n - 1;
        }
        remainder.listed = true;
        bytes_ += static_cast<int64_t>(remainder.tokens.size() * 4);
        return remainder;
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
        return !mask.remainders[at].expanded && mask.remainders[at].size() >= kVast;
    }

    const std::vector<Remainder::Child>& children(LexMask& mask, uint32_t at) {
        Remainder& parent = mask.remainders[at];
        if (parent.expanded) return parent.children;
        parent.expanded = true;
        const auto leaf = [this](uint32_t node) { return trie_->leaf(node); };
        const std::vector<uint32_t>& nodes = nodes_of(parent);
        if (!std::all_of(nodes.begin(), nodes.end(), leaf)) add_children(mask, parent, ByteSet::all() - parent.known);
        parent.known = ByteSet();
        for (const Remainder::Child& child : parent.children) parent.known.add(child.byte);
        return parent.children;
    }

  private:
    static constexpr uint32_t kManyBelow = 64;   // nodes

    // Those of a remainder that differs little from one of another mask differ little from its children.
    void add_shared_children(LexMask& mask, Remainder& parent, const ByteSet& bytes) {
        std::array<std::vector<uint32_t>, 256> gone, come;
        children_of(parent.gone, bytes, [&](uint8_t b, uint32_t node) { gone[b].push_back(node); });
        children_of(parent.come, bytes, [&](uint8_t b, uint32_t node) { come[b].push_back(node); });
        LexMask& base = *parent.base;
        const bool whole = base.remainders[parent.base_at].expanded;
        const std::vector<Remainder::Child> there = whole ? children(base, parent.base_at) : children(base, parent.base_at, bytes);
        std::array<uint32_t, 256> at{};
        for (const Remainder::Child& child : there) at[child.byte] = child.at;
        bytes.each([&](uint8_t b) {
            if (!at[b] && come[b].empty()) return;
            std::sort(gone[b].begin(), gone[b].end());
            std::sort(come[b].begin(), come[b].end());
            Remainder made;
            if (at[b]) share(base, at[b], std::move(gone[b]), std::move(come[b]), made);
            else made.trie_nodes = std::move(come[b]);
            if (made.size() == 0) return;
            parent.children.push_back({b, static_cast<uint32_t>(mask.remainders.size())});
            bytes_ += static_cast<int64_t>(sizeof(Remainder) + sizeof(Remainder::Child) + 4 * made.trie_nodes.size());
            mask.remainders.add() = std::move(made);
        });
        std::sort(parent.children.begin(), parent.children.end(), [](const auto& x, const auto& y) { return x.byte < y.byte; });
    }

    template <class F>
    void children_of(const std::vector<uint32_t>& parents, const ByteSet& bytes, F f) {
        for (uint32_t p : parents)
            for (uint32_t c = p + 1; c < trie_->nodes[p].skip; c = trie_->nodes[c].skip)
                if (bytes.has(trie_->nodes[c].byte)) f(trie_->nodes[c].byte, c);
    }

    void add_children(LexMask& mask, Remainder& parent, const ByteSet& bytes) {
        if (parent.base) return add_shared_children(mask, parent, bytes);
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
                    mask.remainders.add();
                    parent.children.push_back({b, where[b]});
                }
                mask.remainders[where[b]].trie_nodes.push_back(c);
                bytes_ += 4;
            }
        }
        for (size_t i = before; i < parent.children.size(); ++i) {   // children of a node below another come before its own
            std::vector<uint32_t>& made = mask.remainders[parent.children[i].at].trie_nodes;
            if (!std::is_sorted(made.begin(), made.end())) std::sort(made.begin(), made.end());
        }
        bytes_ += static_cast<int64_t>((parent.children.size() - before) * (sizeof(Remainder) + sizeof(Remainder::Child)));
        std::sort(parent.children.begin(), parent.children.end(), [](const auto& x, const auto& y) { return x.byte < y.byte; });
    }
};

}  // namespace guidedgen
