// What is known of a subtree of the token trie before any state is read into it: its bytes, and how deep it is.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "common.h"

namespace guidedgen {

struct TrieNode {
    uint8_t byte = 0;
    uint16_t depth = 0;   // root 0
    uint32_t skip = 0;    // first node after this node's subtree
    uint32_t tok = 0;     // first token of the subtree, in Trie::tokens
    uint32_t ntok = 0;    // tokens that end exactly here
};

// Bytes in 31 classes: whether all bytes of a small subtree are in some set is seen by one comparison, if the set has classes as a whole.
class ByteClasses {
  public:
    static uint32_t of(uint8_t byte) { return uint32_t{1} << table().of[byte]; }

    // The classes that a set has all bytes of.
    static uint32_t whole(const ByteSet& set) {
        uint32_t found = 0;
        for (size_t c = 0; c < kClasses; ++c)
            if (table().bytes[c].subset_of(set)) found |= uint32_t{1} << c;
        return found;
    }

  private:
    static constexpr size_t kClasses = 31;
    struct Table {
        std::array<uint8_t, 256> of{};
        std::array<ByteSet, kClasses> bytes{};
    };
    static const Table& table() {
        static const Table made = [] {
            const char* const alike[kClasses - 2] = {"abcdef", "ghijklmnopqrstuvwxyz", "ABCDEF", "GHIJKLMNOPQRSTUVWXYZ", "0123456789", "_", "$", "-", ".", " ",
                                                     "\n", "\t\r", "/", ":", "\"", "'", "(", ")", "*", "\\", ",;", "=", "+", "<>", "[]", "{}", "%", "#@`", "!?&|~^"};
            Table t;
            for (int b = 0; b < 256; ++b) t.of[static_cast<size_t>(b)] = static_cast<uint8_t>(kClasses - (b < 0x80 ? 2 : 1));
            for (size_t c = 0; c < kClasses - 2; ++c)
                for (const char* at = alike[c]; *at; ++at) t.of[static_cast<uint8_t>(*at)] = static_cast<uint8_t>(c);
            for (size_t b = 0; b < 256; ++b) t.bytes[t.of[b]].add(static_cast<uint8_t>(b));
            return t;
        }();
        return made;
    }
};

// UTF-8 beyond ASCII as an automaton (RFC 3629, section 4): state 0 between characters, -1 for no character.
inline int utf8_step(int state, uint8_t byte) {
    struct Edge { uint8_t from, low, high, to; };
    static constexpr Edge edges[] = {{0, 0xC2, 0xDF, 1}, {0, 0xE0, 0xE0, 2}, {0, 0xE1, 0xEC, 3}, {0, 0xED, 0xED, 4},
                                     {0, 0xEE, 0xEF, 3}, {0, 0xF0, 0xF0, 5}, {0, 0xF1, 0xF3, 6}, {0, 0xF4, 0xF4, 7},
                                     {1, 0x80, 0xBF, 0}, {2, 0xA0, 0xBF, 1}, {3, 0x80, 0xBF, 1}, {4, 0x80, 0x9F, 1},
                                     {5, 0x90, 0xBF, 3}, {6, 0x80, 0xBF, 3}, {7, 0x80, 0x8F, 3}};
    for (const Edge& e : edges)
        if (e.from == state && e.low <= byte && byte <= e.high) return e.to;
    return -1;
}

class Subtrees {
  public:
    static constexpr uint32_t kLarge = 16;   // nodes of a subtree whose bytes are worth knowing

    struct Below {
        ByteSet bytes;
        bool characters = false;   // the node ends between characters, and so begins whole UTF-8 what is below
        ByteSet next;              // bytes of the node's children
        uint32_t children = 0;     // where these begin in `children_`
    };

    Subtrees() = default;
    Subtrees(const std::vector<TrieNode>& nodes, int32_t longest) : depth_(nodes.size(), 0), text_(nodes.size(), 0), at_(nodes.size(), 0) {
        const size_t n = nodes.size();
        std::vector<ByteSet> bytes(n);
        std::vector<uint32_t> parent(n, 0), path(static_cast<size_t>(longest) + 1, 0);
        std::vector<int8_t> state(n, -1), valid(n, 1);
        state[0] = 0;
        for (uint32_t i = 1; i < n; ++i) {
            const TrieNode& node = nodes[i];
            parent[i] = path[node.depth - 1u];
            path[node.depth] = i;
            const int before = state[parent[i]];
            state[i] = static_cast<int8_t>(before == 0 && node.byte < 0x80 ? 0 : before < 0 ? -1 : utf8_step(before, node.byte));
        }
        ByteSet text = ByteSet::all() - ByteSet::single('"') - ByteSet::single('\\');
        text.w[0] &= ~uint64_t{0xFFFFFFFF};
        for (size_t i = n; i-- > 1;) {   // children before their parents
            const size_t up = parent[i];
            depth_[up] = std::max<uint8_t>(depth_[up], static_cast<uint8_t>(std::min(depth_[i] + 1, 255)));
            bytes[up] = bytes[up] | bytes[i];
            bytes[up].add(nodes[i].byte);
            if (nodes[i].skip - i < kLarge) at_[up] |= at_[i] | ByteClasses::of(nodes[i].byte);
            valid[up] = valid[up] && valid[i] && state[i] >= 0;
            text_[i] = state[i] == 0 && valid[i] && bytes[i].subset_of(text);
            if (nodes[i].skip - i < kLarge) continue;
            at_[i] = kHasBelow | static_cast<uint32_t>(below_.size());
            below_.push_back({bytes[i], state[i] == 0 && valid[i], {}, static_cast<uint32_t>(children_.size())});
            for (uint32_t c = static_cast<uint32_t>(i) + 1; c < nodes[i].skip; c = nodes[c].skip) {
                below_.back().next.add(nodes[c].byte);
                children_.push_back(c);
            }
        }
    }

    // For large subtrees; nullptr for others.
    const Below* below(uint32_t node) const { return at_[node] & kHasBelow ? &below_[at_[node] & ~kHasBelow] : nullptr; }

    // The child of a node that one of the bytes in its `next` leads to.
    uint32_t child(const Below& at, uint8_t byte) const { return children_[at.children + at.next.rank(byte)]; }

    // Bytes of the longest way down from a node, 255 where it is longer.
    int depth(uint32_t node) const { return depth_[node]; }

    // The classes of the bytes below a node of a small subtree.
    uint32_t classes(uint32_t node) const { return at_[node]; }

    // Whether all that comes below a node is whole characters that a JSON string holds as they are.
    bool text(uint32_t node) const { return text_[node]; }

    int64_t memory() const { return static_cast<int64_t>(depth_.size() * 6 + below_.size() * sizeof(Below) + children_.size() * 4); }

  private:
    std::vector<uint8_t> depth_, text_;
    static constexpr uint32_t kHasBelow = uint32_t{1} << 31;
    std::vector<uint32_t> at_;   // by node: its place in `below_`, with kHasBelow, or the ByteClasses of a small subtree
    std::vector<Below> below_;
    std::vector<uint32_t> children_;
};

}  // namespace guidedgen
