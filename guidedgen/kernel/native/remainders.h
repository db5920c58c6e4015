// What stands behind the end of a lexeme in tokens that cross it, as a tree that grows where something can read it.
#pragma once

#include <algorithm>
#include <array>

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

    // What stands behind one node of the tree, whatever lexeme ends there.
    LexMask& alone(uint32_t node) {
        auto& known = alone_[node];
        if (!known) {
            known = std::make_unique<LexMask>();
            known->remainders.add().trie_nodes.push_back(node);
            bytes_ += static_cast<int64_t>(sizeof(LexMask) + sizeof(Remainder) + 64);
        }
        return *known;
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

    // Whether making them all is worth it only if something can be read there.
    bool many(const LexMask& mask, uint32_t at) const {
        return !mask.remainders[at].expanded && mask.remainders[at].size() >= kManyBelow;
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

    // Bytes that come next behind a remainder. Of few nodes no children are made: most places of tokens are met a few times only.
    ByteSet next_bytes(LexMask& mask, uint32_t at) {
        if (!few_nodes(mask.remainders[at])) {
            children(mask, at);
            return mask.remainders[at].known;
        }
        ByteSet found;
        for (uint32_t node : nodes_of(mask.remainders[at])) found = found | trie_->next_bytes(node);
        return found;
    }

    // Calls `f` with each node of the trie that a remainder goes on with by one of some bytes.
    template <class F>
    void each_next(LexMask& mask, uint32_t at, const ByteSet& bytes, F f) {
        if (few_nodes(mask.remainders[at])) {
            for (uint32_t node : nodes_of(mask.remainders[at])) trie_->each_child(node, bytes, f);
            return;
        }
        for (const auto& [byte, child] : children(mask, at))
            if (bytes.has(byte))
                for (uint32_t node : nodes_of(mask.remainders[child])) f(node);
    }

  private:
    static constexpr uint32_t kManyBelow = 64;   // nodes
    static constexpr size_t kFewNodes = 4;

    static bool few_nodes(const Remainder& remainder) { return !remainder.expanded && remainder.size() <= kFewNodes; }

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
        const std::vector<TrieNode>& nodes = trie_->nodes;
        std::array<uint32_t, 256> count{};
        found_.clear();
        for (uint32_t p : parent.trie_nodes) {
            const Subtrees::Below* below = trie_->subtrees.below(p);
            if (below && (below->next & bytes).empty()) continue;
            for (uint32_t c = p + 1; c < nodes[p].skip; c = nodes[c].skip) {
                if (!bytes.has(nodes[c].byte)) continue;
                ++count[nodes[c].byte];
                found_.push_back(c);
            }
        }
        std::array<std::vector<uint32_t>*, 256> into;
        const size_t before = parent.children.size();
        for (size_t b = 0; b < count.size(); ++b) {
            if (!count[b]) continue;
            parent.children.push_back({static_cast<uint8_t>(b), static_cast<uint32_t>(mask.remainders.size())});
            into[b] = &mask.remainders.add().trie_nodes;
            into[b]->reserve(count[b]);
        }
        for (uint32_t c : found_) into[nodes[c].byte]->push_back(c);
        for (size_t i = before; i < parent.children.size(); ++i) {   // children of a node below another come before its own
            std::vector<uint32_t>& made = *into[parent.children[i].byte];
            if (!std::is_sorted(made.begin(), made.end())) std::sort(made.begin(), made.end());
        }
        bytes_ += static_cast<int64_t>(found_.size() * 4 + (parent.children.size() - before) * (sizeof(Remainder) + sizeof(Remainder::Child)));
        const auto by_byte = [](const auto& x, const auto& y) { return x.byte < y.byte; };
        if (before > 0) std::sort(parent.children.begin(), parent.children.end(), by_byte);
    }

    std::vector<uint32_t> found_;   // scratch of `add_children`
    std::unordered_map<uint32_t, std::unique_ptr<LexMask>> alone_;   // by node
};

}  // namespace guidedgen
