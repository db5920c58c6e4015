// Terminals that may take so many tokens only: whether a state of one can be read to its end in the tokens that are left,
// and which tokens leave such states.
//
// A state can if the fewest tokens that spell its byte-shortest completion are few enough. That is what is proved: a longer
// completion that takes fewer tokens is not looked for. What is left of the byte-shortest completion after any of those
// tokens is that of the state there, so what can be completed once can be completed to its end.
#pragma once

#include <unordered_map>

#include "lexer.h"
#include "spelling.h"
#include "token_sets.h"

namespace guidedgen {

class TokenCounts {
  public:
    explicit TokenCounts(Lexer& lexer) : lexer_(lexer), spelling_(lexer.trie()) {}

    // Whether a terminal that is in `state` can end within `left` tokens.
    bool fits(LexState* state, int32_t left) {
        if (state->accepting) return true;
        const int32_t bytes = lexer_.distance(state);
        if (left <= 0) return false;
        if (bytes <= left && lexer_.trie().spells_text) return true;
        if (bytes > int64_t{left} * lexer_.trie().longest) return false;
        return needed(state) <= left;
    }

    // The tokens that leave the terminal neither behind nor where it cannot end any more; `left` counts the token.
    const TokenSet& inside(LexState* state, int32_t left) {
        auto& known = inside_[mix(static_cast<uint32_t>(state->id), static_cast<uint32_t>(left))];
        for (const auto& entry : known)
            if (entry.state == state && entry.left == left) return *entry.set;
        known.push_back({state, left, std::make_unique<TokenSet>(work_out(state, left))});
        return *known.back().set;
    }

    int64_t memory() const { return bytes_; }

  private:
    struct Known {
        LexState* state;
        int32_t left;
        std::unique_ptr<TokenSet> set;
    };

    int32_t needed(LexState* state) {
        auto found = needed_.find(state);
        if (found != needed_.end()) return found->second;
        std::vector<uint8_t> text;
        LexState* at = state;
        while (lexer_.distance(at) > 0) {
            lexer_.expressions().spend(1);
            const uint8_t byte = lexer_.nearest_byte(at);
            text.push_back(byte);
            at = lexer_.next(at, byte);
        }
        bytes_ += 64;
        return needed_[state] = spelling_.fewest(text, nullptr);
    }

    TokenSet work_out(LexState* state, int32_t left) {
        const Trie& trie = lexer_.trie();
        TokenSet set;
        set.owned.assign((static_cast<size_t>(trie.vocab_size) + 31) / 32, 0);
        path_.resize(static_cast<size_t>(trie.longest) + 1);
        path_[0] = state;
        if (const Content* content = lexer_.content(state)) {
            // Most tokens lead back to the state: only the others are looked at.
            const Content::Whole& whole = content->whole(trie);
            if (fits(state, left - 1)) set.owned = whole.dense;
            for (size_t k = 0; k < whole.others.size();) {
                const Odd& odd = whole.others[k];
                k = enter(odd.node, left, set, &whole.dense) ? k + 1 : odd.skip;
            }
        } else if (!work_out_text(state, left, set)) {
            for (uint32_t i = 1; i < trie.nodes.size();) i = enter(i, left, set, nullptr) ? i + 1 : trie.nodes[i].skip;
        }
        bytes_ += static_cast<int64_t>(set.owned.size() * 4 + 128);
        return set;
    }

    // The same of a state that most characters of text lead back to: tokens without the others are known.
    bool work_out_text(LexState* state, int32_t left, TokenSet& set) {
        const Trie& trie = lexer_.trie();
        const TextTokens& text = *lexer_.text();
        ByteSet odd;
        std::vector<uint32_t> others;
        if (!lexer_.odd_text(state, odd) || !text.outermost(trie, odd, 1, trie.nodes.size(), others)) return false;
        const Content::Whole& whole = text.content().whole(trie);
        if (fits(state, left - 1)) set.owned = whole.dense;
        size_t w = 0;
        for (size_t k = 0; k < whole.others.size();) {
            const Odd& now = whole.others[k];
            while (w < others.size() && others[w] < now.node) ++w;
            const bool apart = w < others.size() && others[w] == now.node;
            k = !apart && enter(now.node, left, set, &whole.dense) ? k + 1 : now.skip;
        }
        for (uint32_t node : others) {
            for (uint32_t r = trie.nodes[node].tok; r < trie.tokens_end(node); ++r) set.owned[trie.tokens[r] >> 5] &= ~(1u << (trie.tokens[r] & 31));
            path_[trie.nodes[node].depth - 1u] = state;
            for (uint32_t i = node; i < trie.nodes[node].skip;) i = enter(i, left, set, nullptr) ? i + 1 : trie.nodes[i].skip;
        }
        return true;
    }

    // Steps to a node from the one above it and adds its tokens that are not `done`; false where the terminal is left.
    bool enter(uint32_t at, int32_t left, TokenSet& set, const std::vector<uint32_t>* done) {
        const Trie& trie = lexer_.trie();
        const TrieNode& node = trie.nodes[at];
        lexer_.expressions().spend(1);
        LexState* now = path_[node.depth] = lexer_.next(path_[node.depth - 1u], node.byte);
        if (!now) return false;
        if (!node.ntok || !fits(now, left - 1)) return true;
        for (uint32_t r = node.tok; r < node.tok + node.ntok; ++r) {
            const int32_t token = trie.tokens[r];
            if (!done || !(((*done)[token >> 5] >> (token & 31)) & 1)) set.owned[token >> 5] |= 1u << (token & 31);
        }
        return true;
    }

    Lexer& lexer_;
    Spelling spelling_;
    std::vector<LexState*> path_;   // scratch of `enter`, by depth
    std::unordered_map<LexState*, int32_t> needed_;
    std::unordered_map<uint64_t, std::vector<Known>> inside_;
    int64_t bytes_ = 0;
};

}  // namespace guidedgen
