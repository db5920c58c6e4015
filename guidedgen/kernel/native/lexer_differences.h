// Where tokens fare differently from two states of a lexeme: only nodes of the vocabulary's tree where both are in different states are
// looked at, so that the mask of one follows from that of the other.
#pragma once

#include "lexer_forms.h"

namespace guidedgen {

class LexerDifferences : public LexerForms {
  public:
    // What is in none of some languages. Names without keywords differ from names in few ends: masks say so where the languages are known.
    int32_t without(const std::vector<int32_t>& languages) {
        const int32_t made = expressions_.negate(expressions_.either(languages));
        const auto finite = [this](int32_t e) { return expressions_.at(e).finite; };
        if (std::all_of(languages.begin(), languages.end(), finite)) words_.emplace(made, languages);
        return made;
    }

    // The state with the words that are taken from its texts, which are noted; nullptr where there are none.
    LexState* with_words(LexState* s) {
        if (!s->whole) {
            const auto [whole, words] = with_words(s->expr);
            s->words = words;
            s->whole = whole >= 0 ? state(whole) : s;
        }
        return s->whole == s ? nullptr : s->whole;
    }

    // Bytes that texts may begin with, perhaps some more: those before words were taken away are known already.
    const ByteSet& may_begin(LexState* s) {
        LexState* whole = s->pruned ? nullptr : with_words(s);
        return first(whole ? whole : s);
    }

    // Whether it is plain to see that a language without some words has texts: more than there are words.
    bool endless_without_words(LexState* s) {
        if (s->alive >= 0) return s->alive == 1;
        LexState* whole = with_words(s);
        if (!whole || !endless(whole)) return false;
        s->alive = 1;
        return true;
    }

  protected:
    using LexerForms::LexerForms;
    ~LexerDifferences() = default;

    struct Difference {
        std::vector<int32_t> gone, come;               // tokens
        std::vector<std::pair<uint32_t, uint32_t>> words;   // see LexMask
        std::map<int32_t, std::vector<uint32_t>> crosses_not, crosses;    // nodes, by the obligation that an end there leaves
        std::vector<LexState*> reached;
        std::vector<std::pair<LexState*, LexState*>> stack;   // by depth
        uint32_t different = 0;                        // nodes
        uint64_t walk = 0;
    };

    // How the tokens below nodes [from, to) fare from the two states on the stack, wherever that differs; false where it does so too often.
    bool differ_in(uint32_t from, uint32_t to, Difference& found) {
        for (uint32_t i = from; i < to;) {
            const TrieNode& node = trie_->nodes[i];
            const auto [s, o] = found.stack[node.depth - 1];
            ++visited_;
            expressions_.spend(1);
            LexState *now = s ? next(s, node.byte) : nullptr, *there = o ? next(o, node.byte) : nullptr;
            if (now == there) {
                i = node.skip;
                continue;
            }
            if (++found.different > kMostDifferent) return false;
            if (now && now->walk != found.walk) {
                now->walk = found.walk;
                found.reached.push_back(now);
            }
            found.stack[node.depth] = {now, there};
            if (!now != !there)
                for (uint32_t r = node.tok; r < node.tok + node.ntok; ++r) (now ? found.come : found.gone).push_back(trie_->tokens[r]);
            note_ends(i, now && now->accepting ? now : nullptr, there && there->accepting ? there : nullptr, found);
            bool so_far = true;
            const Subtrees::Below* below = trie_->subtrees.below(i);
            const bool few = below && each_child(i, *below, apart(now, there, below->next), [&](uint32_t child) {
                so_far = so_far && differ_in(child, trie_->nodes[child].skip, found);
            });
            if (!so_far) return false;
            i = few ? node.skip : i + 1;
        }
        return true;
    }

    // Ends of a lexeme at a node, from one state and from the other; nullptr: it has none.
    void note_ends(uint32_t at, LexState* one, LexState* other, Difference& found) {
        if ((!one && !other) || trie_->leaf(at)) return;
        const int32_t left = one ? obligation(one) : -1, left_there = other ? obligation(other) : -1;
        if (one && other && left == left_there) return;
        if (other) found.crosses_not[left_there].push_back(at);
        if (one && (left < 0 || may_cross(at, left))) found.crosses[left].push_back(at);
    }

    // Which of some bytes lead from two states to two others, or from one alone; perhaps more of them.
    ByteSet apart(LexState* one, LexState* other, const ByteSet& bytes) {
        if (!one || !other) return first(one ? one : other) & bytes;
        ByteSet found = (first(one) | first(other)) & bytes;
        if (one->edges.size() * other->edges.size() > kManyPairs) return found;
        for (size_t i = 0; i < one->edges.size(); ++i) {
            const ByteSet own = one->edges[i].bytes & bytes;
            for (size_t j = 0; j < other->edges.size() && !own.empty(); ++j)
                if (const ByteSet common = own & other->edges[j].bytes; !common.empty() && target(one, i) == target(other, j))
                    found = found - common;
        }
        return found;
    }

    // The same expression with words that are taken from its texts, and these; -1 where there are none.
    std::pair<int32_t, const std::vector<int32_t>*> with_words(int32_t expr) {
        const Expr e = expressions_.at(expr);
        if (e.op != Op::Longest || e.low != Expressions::kNoBan || expressions_.at(e.a).op != Op::And) return {-1, nullptr};
        const std::vector<int32_t>* words = nullptr;
        std::vector<int32_t> kept;
        for (int32_t i = 0; i < expressions_.at(e.a).b; ++i) {
            const int32_t part = expressions_.part(e.a, i);
            const auto known = words ? words_.end() : words_.find(part);
            if (known == words_.end()) kept.push_back(part);
            else words = &known->second;
        }
        if (!words) return {-1, nullptr};
        return {expressions_.longest(expressions_.both(std::move(kept)), e.b), words};
    }

    template <class Begin>
    bool ends_of_words(const std::vector<int32_t>& words, LexState* whole, Difference& found, Begin each_node) {
        bool all = true;
        for (int32_t word : words) {
            LexState* start = state(word);
            each_node(first(start), [&](uint32_t node) { all = all && end_of_word(node, node, start, whole, found); });
        }
        return all;
    }

    // Whether it is plain to see that a state has texts without number, perhaps from the end of a character on.
    bool endless(LexState* s, int bytes = 3) {
        prune(s);
        if (s->accepting && !s->loop.empty()) return true;
        for (size_t i = 0; i < std::min(s->edges.size(), kFewWays) && bytes > 0; ++i)
            if (endless(target(s, i), bytes - 1)) return true;
        return false;
    }

    bool end_of_word(uint32_t at, uint32_t from, LexState* word, LexState* whole, Difference& found) {
        const TrieNode& node = trie_->nodes[at];
        word = next(word, node.byte);
        whole = next(whole, node.byte);
        ++visited_;
        expressions_.spend(1);
        if (!word || !whole) return true;
        if (!endless(whole)) return false;
        if ((word->accepting || !whole->accepting) && node.ntok) found.words.emplace_back(at, from);
        if (word->accepting && whole->accepting && !trie_->leaf(at)) found.crosses_not[obligation(whole)].push_back(at);
        const ByteSet& bytes = first(word);
        bool all = true;
        for (uint32_t c = at + 1; c < node.skip && !bytes.empty() && all; c = trie_->nodes[c].skip)
            if (bytes.has(trie_->nodes[c].byte)) all = end_of_word(c, from, word, whole, found);
        return all;
    }

    // The state at a node, from the one above a node on the way there.
    LexState* read_through(LexState* s, uint32_t from, uint32_t node) {
        const uint8_t* bytes = trie_->bytes(trie_->tokens[trie_->nodes[node].tok]);
        for (int32_t i = trie_->nodes[from].depth - 1; i < trie_->nodes[node].depth; ++i) s = next(s, bytes[i]);
        return s;
    }

  private:
    static constexpr size_t kFewWays = 4;              // from a state within a character
    static constexpr uint32_t kMostDifferent = 8000;   // nodes where two states differ; beyond it a walk costs no more
    static constexpr size_t kManyPairs = 400;          // of edges

    std::unordered_map<int32_t, std::vector<int32_t>> words_;   // of complements that `without` made, by expression
};

}  // namespace guidedgen
