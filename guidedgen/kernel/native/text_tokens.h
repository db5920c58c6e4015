// Plain text among the tokens, worked out once per vocabulary: which tokens are text that a JSON string holds as it is, and
// where in them each character begins.
//
// A state inside a string often comes back to itself after any character but a few ("any text without a slash"). Its mask
// is all of this class, less what stands below the few: only that has to be walked.
#pragma once

#include <array>
#include <mutex>

#include "content.h"
#include "word_tokens.h"

namespace guidedgen {

class TextTokens {
  public:
    static constexpr size_t kMost = 40'000;   // places; with more of them a walk costs no more

    explicit TextTokens(const Trie& trie) : content_(trie, {plain(), true}), words_(trie) {
        for (uint32_t i = 1; i < trie.nodes.size(); ++i) {
            path_.resize(trie.nodes[i].depth);
            path_.push_back(i);
            const uint32_t parent = trie.nodes[i].depth > 1 ? path_[trie.nodes[i].depth - 1u] : 0;
            if (content_.complete[parent] && (plain().has(trie.nodes[i].byte) || utf8_step(0, trie.nodes[i].byte) >= 0)) at_[trie.nodes[i].byte].push_back(i);
        }
        path_ = {};
        for (auto& ranks : has_) ranks.assign(trie.tokens.size() / 64 + 1, 0);
        for (size_t r = 0; r < trie.tokens.size(); ++r)
            for (size_t i = 0; i < trie.length(trie.tokens[r]); ++i)
                if (const uint8_t b = trie.bytes(trie.tokens[r])[i]; b < 0x80) has_[b][r / 64] |= uint64_t{1} << (r % 64);
    }

    const Content& content() const { return content_; }
    const WordTokens& words() const { return words_; }

    // The outermost nodes below `at` to which the way from there is text that has each of some bytes, ascending; false where they
    // are too many.
    bool holding(const Trie& trie, const ByteSet& bytes, uint32_t at, std::vector<uint32_t>& found, size_t most) const {
        const uint32_t from = trie.nodes[at].tok, to = trie.tokens_end(at);
        std::vector<const uint64_t*> each;
        bytes.each([&](uint8_t b) {
            if (b < 0x80) each.push_back(has_[b].data());
        });
        if (each.empty()) return false;
        for (uint32_t w = from / 64, end = from; w * 64 < to; ++w) {
            uint64_t all = ~uint64_t{0};
            for (const uint64_t* ranks : each) all &= ranks[w];
            for (; all; all &= all - 1) {
                const uint32_t rank = w * 64 + static_cast<uint32_t>(__builtin_ctzll(all));
                if (rank < end || rank >= to || !content_.by_rank[rank]) continue;
                const uint32_t node = first_with(trie, bytes, at, rank);
                if (node == 0) continue;
                if (found.size() == most) return false;
                found.push_back(node);
                end = trie.tokens_end(node);
            }
        }
        return true;
    }

    // Bytes that characters of a string's text begin with: all but the quote, the backslash and controls (RFC 8259,
    // section 7) in UTF-8.
    static ByteSet plain() {
        ByteSet set;
        for (int b = 0x20; b < 0x80; ++b)
            if (b != '"' && b != '\\') set.add(static_cast<uint8_t>(b));
        return set;
    }
    static ByteSet leads() {
        ByteSet set;
        for (int b = 0x80; b < 0x100; ++b)
            if (utf8_step(0, static_cast<uint8_t>(b)) >= 0) set.add(static_cast<uint8_t>(b));
        return set;
    }

    // Nodes within tokens down to which all is whole characters of text; made when it is first asked for.
    const std::vector<uint32_t>& inner(const Trie& trie) const {
        find_inner(trie);
        return inner_;
    }
    // How many characters the way down to each of them has; at most 255.
    const std::vector<uint8_t>& inner_units(const Trie& trie) const {
        find_inner(trie);
        return inner_units_;
    }

    // All bytes of text.
    static const ByteSet& all() {
        static const ByteSet set = [] {
            ByteSet made = plain();
            made.w[2] = made.w[3] = ~uint64_t{0};
            return made;
        }();
        return set;
    }

    // At how many places of the tree a character begins with one of the bytes.
    size_t places(const ByteSet& bytes) const {
        size_t count = 0;
        bytes.each([&](uint8_t b) { count += at_[b].size(); });
        return count;
    }

    // The outermost nodes in [from, to) where a character of text begins with one of the bytes, ascending; false where they
    // are too many to be worth it.
    bool outermost(const Trie& trie, const ByteSet& bytes, uint32_t from, uint32_t to, std::vector<uint32_t>& found, size_t most = kMost) const {
        size_t some = 0;
        bool few = true;
        bytes.each([&](uint8_t b) {
            const auto &all = at_[b];
            auto at = std::lower_bound(all.begin(), all.end(), from);
            some += static_cast<size_t>(std::lower_bound(at, all.end(), to) - at);
            if (!(few = few && some <= most)) return;
            while (at != all.end() && *at < to) {
                found.push_back(*at);
                const uint32_t skip = trie.nodes[*at].skip;
                while (at != all.end() && *at < skip) ++at;
            }
        });
        if (!few) return false;
        if (bytes.count() > 1) sort(found, from, to);
        size_t kept = 0;
        uint32_t end = 0;
        for (uint32_t node : found)
            if (node >= end) {
                found[kept++] = node;
                end = trie.nodes[node].skip;
            }
        found.resize(kept);
        return true;
    }

    int64_t memory() const {   // about as much again for the places
        return content_.memory() * 2 + words_.memory() + static_cast<int64_t>(has_.size() * has_[0].size() * 8);
    }

  private:
    // Nodes in [from, to); where they are many of these, by a bit set.
    static void sort(std::vector<uint32_t>& nodes, uint32_t from, uint32_t to) {
        if (nodes.size() < (to - from) / 256) return std::sort(nodes.begin(), nodes.end());
        std::vector<uint64_t> bits((to - from) / 64 + 1, 0);
        for (uint32_t node : nodes) bits[(node - from) / 64] |= uint64_t{1} << ((node - from) % 64);
        size_t count = 0;
        for (size_t w = 0; w < bits.size(); ++w)
            for (uint64_t rest = bits[w]; rest; rest &= rest - 1)
                nodes[count++] = from + static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(__builtin_ctzll(rest));
    }

    void find_inner(const Trie& trie) const {
        std::call_once(once_, [&] {
            std::vector<int> units(trie.longest + 1u, 0);
            for (uint32_t i = 1; i < trie.nodes.size(); ++i) {
                const TrieNode& node = trie.nodes[i];
                units[node.depth] = units[node.depth - 1u] + ((node.byte & 0xC0) != 0x80);
                if (!content_.complete[i] || trie.leaf(i)) continue;
                inner_.push_back(i);
                inner_units_.push_back(static_cast<uint8_t>(std::min(255, units[node.depth])));
            }
        });
    }

    // The node below `at` where a token has each of some bytes of ASCII; 0: there is none.
    static uint32_t first_with(const Trie& trie, ByteSet bytes, uint32_t at, uint32_t rank) {
        bytes.w[2] = bytes.w[3] = 0;
        const int32_t token = trie.tokens[rank];
        const uint8_t* text = trie.bytes(token);
        for (size_t i = trie.nodes[at].depth; i < trie.length(token); ++i) {
            at = trie.child(at, text[i]);
            bytes = bytes - ByteSet::single(text[i]);
            if (bytes.empty()) return at;
        }
        return 0;
    }

    Content content_;
    WordTokens words_;
    std::array<std::vector<uint64_t>, 0x80> has_;   // by byte of ASCII: the places in Trie::tokens of those that have it, a bit set
    mutable std::vector<uint32_t> inner_;
    mutable std::vector<uint8_t> inner_units_;
    mutable std::once_flag once_;
    std::array<std::vector<uint32_t>, 256> at_;   // nodes, ascending
    std::vector<uint32_t> path_;
};

}  // namespace guidedgen
