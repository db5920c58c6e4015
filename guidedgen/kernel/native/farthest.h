// How far from its end reading a terminal can lead: a bound that a mask under a budget asks for before anything exact.
#pragma once

#include "lexer.h"

namespace guidedgen {

class Farthest {
  public:
    explicit Farthest(Lexer& lexer) : lexer_(lexer) {}

    // No state that can be reached from `s` is farther from its end than so many bytes; kFar where nobody knows.
    int64_t from(LexState* s) {
        if (s->farthest >= 0) return s->farthest;
        if (!lexer_.expressions().at(s->expr).boolean) return s->farthest = of(s->expr);
        return search(s);
    }

  private:
    static constexpr size_t kStates = 1'000;   // automata with And or Not that are searched whole

    int64_t search(LexState* s) {
        std::vector<LexState*> order{s};
        std::unordered_map<LexState*, char> met{{s, 0}};
        int64_t most = 0;
        for (size_t i = 0; i < order.size(); ++i) {
            LexState* now = order[i];
            if (now->farthest >= 0 || !lexer_.expressions().at(now->expr).boolean) {
                most = std::max(most, from(now));
                continue;
            }
            if (order.size() > kStates) return s->farthest = kFar;
            most = std::max<int64_t>(most, lexer_.distance(now));
            for (size_t g = 1; g < now->to.size(); ++g)   // pruned by the distance
                if (met.emplace(now->to[g], 0).second) order.push_back(now->to[g]);
        }
        for (LexState* now : order)
            if (now->farthest < 0) now->farthest = most;
        return most;
    }

    // By what derivatives are made of: those of x y begin in x and end in y, those of x{m,n} are one of x and m - 1 more.
    int64_t of(int32_t id) {
        const Expr e = lexer_.expressions().at(id);
        switch (e.op) {
            case Op::Empty:
            case Op::Epsilon: return 0;
            case Op::Bytes: return 1;
            case Op::Repeat: return std::min(kFar, of(e.a) + far_times(shortest(e.a), std::max(e.low - 1, 0)));
            case Op::Or: {
                int64_t most = 0;
                for (int32_t i = 0; i < e.b; ++i) most = std::max(most, of(lexer_.expressions().part(id, i)));
                return most;
            }
            case Op::Concat: return of_sequence(id);
            default: return kFar;
        }
    }

    int64_t of_sequence(int32_t id) {
        auto found = lexer_.farthest_of.find(id);
        if (found != lexer_.farthest_of.end()) return found->second;
        std::vector<int32_t> heads;
        int32_t rest = id;   // down the spine in a loop: texts may be long
        for (; lexer_.expressions().at(rest).op == Op::Concat; rest = lexer_.expressions().at(rest).b)
            heads.push_back(lexer_.expressions().at(rest).a);
        int64_t most = of(rest), behind = shortest(rest);
        for (size_t i = heads.size(); i-- > 0;) {
            most = std::max(most, std::min(kFar, of(heads[i]) + behind));
            behind += shortest(heads[i]);
        }
        lexer_.farthest_of.emplace(id, most);
        return most;
    }

    int64_t shortest(int32_t id) const { return lexer_.expressions().at(id).shortest; }

    Lexer& lexer_;
};

}  // namespace guidedgen
