// Where tokens fare differently from two states of a lexeme: only nodes of the vocabulary's tree where both are in different states are
// looked at, so that the mask of one follows from that of the other.
#pragma once

#include "lexer_forms.h"

namespace guidedgen {

class LexerDifferences : public LexerForms {
  protected:
    using LexerForms::LexerForms;
    ~LexerDifferences() = default;

    struct Difference {
        std::vector<int32_t> gone, come;               // tokens
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

  private:
    static constexpr uint32_t kMostDifferent = 8000;   // nodes where two states differ; beyond it a walk costs no more
    static constexpr size_t kManyPairs = 400;          // of edges
};

}  // namespace guidedgen
