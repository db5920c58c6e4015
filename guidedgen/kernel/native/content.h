// Content classes: the tokens that a state which loops on most characters takes whole, worked out once per set of bytes.
//
// Inside a string nearly every token is plain content: it starts and ends at the same state. For such a state the tree of
// tokens need not be walked: content tokens are one bit set, and only the way to the odd ones is looked at.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "trie.h"

namespace guidedgen {

struct ContentKey {
    ByteSet bytes;   // single bytes that lead back to the state
    bool utf8;       // so do all characters beyond ASCII
    bool operator<(const ContentKey& o) const { return bytes.w != o.bytes.w ? bytes.w < o.bytes.w : utf8 < o.utf8; }

    int step(int state, uint8_t byte) const {
        if (state == 0 && bytes.has(byte)) return 0;
        return utf8 ? utf8_step(state, byte) : -1;
    }
};

struct Odd {
    uint32_t node;   // of the trie
    uint32_t skip;   // first odd node after this one's subtree
};

struct Content {
    std::vector<uint32_t> dense;      // tokens that are content, perhaps with an unfinished character at the end
    std::vector<uint8_t> by_rank;     // the same by place in Trie::tokens
    std::vector<uint8_t> complete;    // by trie node: the bytes down to it are whole characters of content
    std::vector<Odd> odd;             // nodes on the way to other tokens, preorder
    std::vector<uint8_t> units;       // by place in Trie::tokens: characters of a content token, begun ones as well; at most 255
    int most_units = 0;
    ByteSet bytes;                    // single bytes that are content

    Content(const Trie& trie, const ContentKey& key)
        : dense((trie.vocab_size + 31) / 32, 0), by_rank(trie.tokens.size(), 0), complete(trie.nodes.size(), 0) {
        std::vector<int> states(trie.longest + 1, -1), count(trie.longest + 1, 0);
        units.assign(trie.tokens.size(), 0);
        states[0] = 0;
        bytes = key.bytes;
        complete[0] = 1;
        for (uint32_t i = 1; i < trie.nodes.size();) {
            const TrieNode& node = trie.nodes[i];
            int state = key.step(states[node.depth - 1], node.byte);
            states[node.depth] = state;
            if (state < 0) {
                i = node.skip;
                continue;
            }
            complete[i] = state == 0;
            count[node.depth] = std::min(255, count[node.depth - 1] + (states[node.depth - 1] == 0));
            if (node.ntok) most_units = std::max(most_units, count[node.depth]);
            for (uint32_t r = node.tok; r < node.tok + node.ntok; ++r) {
                by_rank[r] = 1;
                units[r] = static_cast<uint8_t>(count[node.depth]);
                dense[trie.tokens[r] >> 5] |= 1u << (trie.tokens[r] & 31);
            }
            ++i;
        }
        odd = way_to_others(trie, by_rank);
    }

    // All tokens of at most `longest` bytes; the odd ones are longer. (`complete` stays empty.)
    Content(const Trie& trie, int32_t longest) : dense((trie.vocab_size + 31) / 32, 0), by_rank(trie.tokens.size(), 0) {
        for (const TrieNode& node : trie.nodes)
            for (uint32_t r = node.tok; node.depth <= longest && r < node.tok + node.ntok; ++r) {
                by_rank[r] = 1;
                dense[trie.tokens[r] >> 5] |= 1u << (trie.tokens[r] & 31);
            }
        odd = way_to_others(trie, by_rank);
    }

    // The content tokens that are whole characters, and the way to all others; made when it is first asked for.
    struct Whole {
        std::vector<uint32_t> dense;
        std::vector<Odd> others;
    };
    const Whole& whole(const Trie& trie) const {
        const std::lock_guard<std::mutex> lock(made_);   // grammars with lexers of their own share the text of a vocabulary
        if (whole_) return *whole_;
        whole_ = std::make_unique<Whole>();
        whole_->dense.assign(dense.size(), 0);
        std::vector<uint8_t> in(by_rank.size(), 0);
        for (uint32_t i = 1; i < trie.nodes.size(); ++i)
            for (uint32_t r = trie.nodes[i].tok; complete[i] && r < trie.nodes[i].tok + trie.nodes[i].ntok; ++r) {
                in[r] = by_rank[r];
                whole_->dense[trie.tokens[r] >> 5] |= uint32_t{by_rank[r]} << (trie.tokens[r] & 31);
            }
        whole_->others = way_to_others(trie, in);
        return *whole_;
    }

    // The content tokens of at most so many characters.
    const std::vector<uint32_t>& up_to(const Trie& trie, int characters) const {
        if (characters >= most_units && most_units < 255) return dense;
        const std::lock_guard<std::mutex> lock(made_);
        auto& known = up_to_[characters];
        if (known.empty()) {
            if (by_units_.empty()) sort_by_units();
            const uint32_t end = units_end_[std::min(characters, 255)];   // the fewer ones are set, or taken away
            const bool most = end * 2 > by_units_.size();
            known = most ? dense : std::vector<uint32_t>(dense.size(), 0);
            for (uint32_t i = most ? end : 0; i < (most ? by_units_.size() : end); ++i) {
                const int32_t token = trie.tokens[by_units_[i]];
                known[token >> 5] ^= 1u << (token & 31);
            }
        }
        return known;
    }

    // Where the odd nodes from a trie node on begin.
    uint32_t first_odd(uint32_t node) const { return first_from(odd, node); }

    int64_t memory() const {
        return static_cast<int64_t>(dense.size() * 4 + by_rank.size() + units.size() + complete.size() + odd.size() * sizeof(Odd));
    }

  private:
    // The nodes on the way to tokens that are not `in`, which is by place in Trie::tokens.
    static std::vector<Odd> way_to_others(const Trie& trie, const std::vector<uint8_t>& in) {
        std::vector<uint32_t> before(in.size() + 1, 0);   // other tokens among the first ones
        for (size_t r = 0; r < in.size(); ++r) before[r + 1] = before[r] + !in[r];
        std::vector<Odd> result;
        for (uint32_t i = 1; i < trie.nodes.size();) {
            if (before[trie.tokens_end(i)] == before[trie.nodes[i].tok]) {
                i = trie.nodes[i].skip;
                continue;
            }
            result.push_back({i, 0});
            ++i;
        }
        for (Odd& o : result) o.skip = first_from(result, trie.nodes[o.node].skip);
        return result;
    }

    static uint32_t first_from(const std::vector<Odd>& odd, uint32_t node) {
        auto at = std::lower_bound(odd.begin(), odd.end(), node, [](const Odd& o, uint32_t n) { return o.node < n; });
        return static_cast<uint32_t>(at - odd.begin());
    }

    void sort_by_units() const {
        std::array<uint32_t, 257> start{};
        for (uint32_t r = 0; r < by_rank.size(); ++r)
            if (by_rank[r]) ++start[units[r] + 1u];
        for (size_t n = 1; n < start.size(); ++n) start[n] += start[n - 1];
        std::copy(start.begin() + 1, start.end(), units_end_.begin());
        by_units_.resize(start.back());
        for (uint32_t r = 0; r < by_rank.size(); ++r)
            if (by_rank[r]) by_units_[start[units[r]]++] = r;
    }

    mutable std::mutex made_;                         // of what follows
    mutable std::vector<uint32_t> by_units_;          // places in Trie::tokens of content tokens, those of few characters first
    mutable std::array<uint32_t, 256> units_end_{};   // by number of characters: how many tokens have at most so many
    mutable std::unique_ptr<Whole> whole_;
    mutable std::map<int, std::vector<uint32_t>> up_to_;
};

// All classes of one vocabulary.
class Contents {
  public:
    explicit Contents(std::shared_ptr<const Trie> trie) : trie_(std::move(trie)) {}

    const Content& at(const ContentKey& key) {
        auto& known = known_[key];
        if (!known) {
            known = std::make_unique<Content>(*trie_, key);
            bytes_ += known->memory();
        }
        return *known;
    }
    int64_t memory() const { return bytes_; }

  private:
    std::shared_ptr<const Trie> trie_;
    std::map<ContentKey, std::unique_ptr<Content>> known_;
    int64_t bytes_ = 0;
};

}  // namespace guidedgen
