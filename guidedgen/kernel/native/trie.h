// The vocabulary as a prefix tree in preorder arrays: a subtree is a contiguous range of nodes and of sorted tokens.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "name_ends.h"

namespace guidedgen {

struct Trie {
    std::vector<TrieNode> nodes;        // nodes[0] is the root
    std::vector<int32_t> tokens;        // token ids sorted by their bytes; tokens without bytes are left out
    std::vector<uint32_t> root_child;   // [256] node or 0
    int32_t vocab_size = 0;
    int32_t longest = 0;
    Subtrees subtrees;
    ByteSet spelled;                    // the bytes that tokens have: no text can be written with others
    bool spells_text = false;           // each of these is a token by itself: tokens spell all that is made of them
    NameEnds name_ends;

    std::vector<int64_t> offsets;       // token t has the bytes data[offsets[t], offsets[t + 1])
    std::vector<uint8_t> data;

    static constexpr uint32_t kLarge = 48;   // nodes of a subtree that is worth a special case

    Trie(const uint8_t* given, const int64_t* bounds, int32_t size)
        : vocab_size(size), offsets(bounds, bounds + size + 1), data(given, given + bounds[size]) {
        auto text = [&](int32_t t) { return bytes(t); };
        for (int32_t t = 0; t < size; ++t) {
            if (length(t) > 0) tokens.push_back(t);
            if (length(t) > 60'000) throw std::invalid_argument("a token is longer than 60,000 bytes");
            longest = std::max(longest, static_cast<int32_t>(length(t)));
        }
        std::sort(tokens.begin(), tokens.end(), [&](int32_t x, int32_t y) {
            int c = std::memcmp(text(x), text(y), std::min(length(x), length(y)));
            if (c != 0) return c < 0;
            return length(x) != length(y) ? length(x) < length(y) : x < y;
        });
        nodes.push_back({});
        std::vector<uint32_t> path{0};
        const uint8_t* previous = nullptr;
        size_t previous_length = 0;
        for (size_t i = 0; i < tokens.size(); ++i) {
            const uint8_t* now = text(tokens[i]);
            size_t n = length(tokens[i]), same = 0;
            while (same < n && same < previous_length && now[same] == previous[same]) ++same;
            close(path, same + 1);
            for (size_t d = same; d < n; ++d) {
                path.push_back(static_cast<uint32_t>(nodes.size()));
                nodes.push_back({now[d], static_cast<uint16_t>(d + 1), 0, static_cast<uint32_t>(i), 0});
            }
            ++nodes[path.back()].ntok;
            previous = now;
            previous_length = n;
        }
        close(path, 0);
        root_child.assign(256, 0);
        for (uint32_t i = 1; i < nodes.size(); i = nodes[i].skip) root_child[nodes[i].byte] = i;
        subtrees = Subtrees(nodes, longest);
        name_ends = NameEnds(nodes, subtrees, longest);
        for (size_t i = 1; i < nodes.size(); ++i) spelled.add(nodes[i].byte);
        spells_text = true;
        spelled.each([&](uint8_t b) { spells_text = spells_text && root_child[b] && nodes[root_child[b]].ntok; });
    }

    const uint8_t* bytes(int32_t token) const { return data.data() + offsets[token]; }
    size_t length(int32_t token) const { return static_cast<size_t>(offsets[token + 1] - offsets[token]); }

    uint32_t tokens_end(uint32_t node) const {
        uint32_t next = nodes[node].skip;
        return next < nodes.size() ? nodes[next].tok : static_cast<uint32_t>(tokens.size());
    }
    // The child of a node that a byte leads to; it has one.
    uint32_t child(uint32_t node, uint8_t byte) const {
        if (const Subtrees::Below* below = subtrees.below(node)) return subtrees.child(*below, byte);
        for (uint32_t c = node + 1;; c = nodes[c].skip)
            if (nodes[c].byte == byte) return c;
    }
    // Bytes of a node's children.
    ByteSet next_bytes(uint32_t node) const {
        if (const Subtrees::Below* below = subtrees.below(node)) return below->next;
        ByteSet found;
        for (uint32_t c = node + 1; c < nodes[node].skip; c = nodes[c].skip) found.add(nodes[c].byte);
        return found;
    }
    // Calls `f` with a node's children by some bytes.
    template <class F>
    void each_child(uint32_t node, const ByteSet& bytes, F f) const {
        if (const Subtrees::Below* below = subtrees.below(node)) {
            (below->next & bytes).each([&](uint8_t b) { f(subtrees.child(*below, b)); });
            return;
        }
        for (uint32_t c = node + 1; c < nodes[node].skip; c = nodes[c].skip)
            if (bytes.has(nodes[c].byte)) f(c);
    }
    bool leaf(uint32_t node) const { return nodes[node].skip == node + 1; }
    int64_t memory() const {
        return static_cast<int64_t>(nodes.size() * sizeof(TrieNode) + tokens.size() * 4 + offsets.size() * 8 + data.size()) +
               subtrees.memory() + name_ends.memory();
    }

  private:
    void close(std::vector<uint32_t>& path, size_t keep) {
        while (path.size() > keep) {
            nodes[path.back()].skip = static_cast<uint32_t>(nodes.size());
            path.pop_back();
        }
    }
};

}  // namespace guidedgen
