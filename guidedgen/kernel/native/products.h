// The product of several automata of one lexer: the combinations of their states that a text can lead to.
//
// No expression is made for a combination, and automata in which a text has failed cost nothing: walking the product is many
// times cheaper than deriving intersections. Walks are breadth first and end at an amount of work that the caller gives.
#pragma once

#include <vector>

#include "lexer.h"
#include "paged.h"
#include "stable.h"

namespace guidedgen {

class Products {
  public:
    // An automaton by its number, and the state that it is in. Those in which a text has failed are left out. The automaton
    // with the number 0 decides how far texts are followed.
    struct At {
        size_t automaton;
        LexState* state;
        bool operator==(const At& o) const { return automaton == o.automaton && state == o.state; }
    };
    using Combination = std::vector<At>;   // by number of the automaton

    enum class Next { Follow, Leave, End };          // what a visitor wants
    enum class Walk { Complete, Ended, TooLong };

    explicit Products(Lexer& lexer) : lexer_(lexer) {}

    // Calls `visit` once for every combination that can be reached by following combinations.
    template <class F>
    Walk each(const Combination& start, size_t work, F visit) {
        found_.clear();
        index_ = IdTable();
        add(start);
        for (size_t i = 0; i < found_.size(); ++i) {
            const Next next = visit(found_[i]);
            if (next == Next::End) return Walk::Ended;
            if (next == Next::Leave) continue;
            const size_t here = 1 + found_[i].size();
            if (here > work) return Walk::TooLong;
            work -= here;
            lexer_.expressions().spend(static_cast<int64_t>(here));
            follow(i);
        }
        return Walk::Complete;
    }

  private:
    // A set of bytes that all automata follow in the same way.
    struct Part {
        ByteSet bytes;
        Combination to;
    };

    void follow(size_t from) {
        parts_.clear();
        for (size_t i = 0; i < found_[from].size(); ++i) {
            const At now = found_[from][i];
            lexer_.prune(now.state);
            if (now.automaton == 0) {
                for (size_t e = 0; e < now.state->edges.size(); ++e) parts_.push_back({now.state->edges[e].bytes, {{0, lexer_.target(now.state, e)}}});
            } else {
                refine(now);
            }
        }
        for (Part& part : parts_) add(part.to);
    }

    // Parts whose bytes lead to different states of an automaton come apart.
    void refine(const At& now) {
        const LexState& state = *now.state;
        const size_t before = parts_.size();
        for (size_t k = 0; k < before; ++k) {
            ByteSet rest = parts_[k].bytes;
            for (size_t e = 0; e < state.edges.size() && !rest.empty(); ++e) {
                const ByteSet common = rest & state.edges[e].bytes;
                if (common.empty()) continue;
                LexState* to = lexer_.target(now.state, e);
                rest = rest - common;
                if (rest.empty()) {   // all that is left of the part goes this way
                    parts_[k].to.push_back({now.automaton, to});
                    break;
                }
                Part other{common, parts_[k].to};
                other.to.push_back({now.automaton, to});
                parts_.push_back(std::move(other));
                parts_[k].bytes = rest;
            }
        }
    }

    void add(const Combination& made) {
        uint64_t hash = made.size();
        for (const At& at : made) hash = mix(mix(hash, at.automaton), static_cast<uint32_t>(at.state->id));
        if (index_.find(hash, [&](int32_t id) { return found_[static_cast<size_t>(id)] == made; }) >= 0) return;
        index_.insert(hash, static_cast<int32_t>(found_.size()));
        found_.push_back(made);
    }

    Lexer& lexer_;
    Stable<Combination> found_;
    std::vector<Part> parts_;
    IdTable index_;
};

}  // namespace guidedgen
