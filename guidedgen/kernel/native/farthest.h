// How far from its end reading a text can lead, as far as the expression says: a bound before anything exact.
#pragma once

#include "expressions.h"

namespace guidedgen {

class Farthest {
  public:
    explicit Farthest(const Expressions& expressions) : expressions_(expressions) {}

    // No beginning of a text of a language that is not vague leaves more bytes to come, by what derivatives are made of: those of x y
    // begin in x and end in y, those of x{m,n} are one of x and m - 1 more.
    int64_t of(int32_t id) {
        const Expr e = expressions_.at(id);
        switch (e.op) {
            case Op::Empty:
            case Op::Epsilon: return 0;
            case Op::Bytes: return 1;
            case Op::Repeat: return std::min(kFar, of(e.a) + far_times(shortest(e.a), std::max(e.low - 1, 0)));
            case Op::Or: {
                int64_t most = 0;
                for (int32_t i = 0; i < e.b; ++i) most = std::max(most, of(expressions_.part(id, i)));
                return most;
            }
            case Op::Concat: return of_sequence(id);
            case Op::Longest: return e.low == 0 ? of(e.a) : kFar;
            default: return kFar;
        }
    }

  private:
    int64_t of_sequence(int32_t id) {
        auto found = known_.find(id);
        if (found != known_.end()) return found->second;
        std::vector<int32_t> heads;
        int32_t rest = id;   // down the spine in a loop: texts may be long
        for (; expressions_.at(rest).op == Op::Concat; rest = expressions_.at(rest).b)
            heads.push_back(expressions_.at(rest).a);
        int64_t most = of(rest), behind = shortest(rest);
        for (size_t i = heads.size(); i-- > 0;) {
            most = std::max(most, std::min(kFar, of(heads[i]) + behind));
            behind += shortest(heads[i]);
        }
        known_.emplace(id, most);
        return most;
    }

    int64_t shortest(int32_t id) const { return expressions_.at(id).shortest; }

    const Expressions& expressions_;
    std::unordered_map<int32_t, int64_t> known_;
};

}  // namespace guidedgen
