// Pure nodes of a RegexTree as expressions over bytes: every character is spelled in all its ways, loops derive themselves.
#pragma once

#include "regex_tree.h"

namespace guidedgen {

// A loop as a language: what its body derives, which may name it again.
class Loop : public Derivation {
  public:
    Loop(Expressions& expressions, int32_t self, bool nullable) : e_(expressions), self_(self), nullable_(nullable) {}

    int32_t start() override { return e_.lazy(self_, 0); }
    Partition derive(int32_t) override { return e_.derive(body); }
    bool accepts(int32_t) const override { return nullable_; }
    bool sure() const override { return nullable_; }
    int32_t nearest(int32_t) const override { return nullable_ ? 0 : 1; }

    int32_t body = Expressions::kEmpty;

  private:
    Expressions& e_;
    int32_t self_;
    bool nullable_;
};

// Pure nodes as expressions over bytes, every character spelled in all its ways.
class RegexEncoder {
  public:
    RegexEncoder(RegexTree& tree, Spellings& spellings, Expressions& expressions, int32_t any)
        : tree_(tree), spellings_(spellings), e_(expressions), any_(any) {}

    int32_t encode(int32_t id) {
        const int32_t made = value(id);
        return tree_.kind(id) == Re::Not ? within(made) : made;
    }

  private:
    int32_t within(int32_t bare) { return e_.both({any_, bare}); }

    // Complements come out bare: they are among all byte strings.
    int32_t value(int32_t id) {
        auto known = made_.find(id);
        if (known != made_.end()) return known->second;
        const RegexNode n = tree_.at(id);
        const int32_t made = build(id, n);
        made_.emplace(id, made);
        return made;
    }

    int32_t build(int32_t id, const RegexNode& n) {
        const std::vector<int32_t> children = tree_.children(id);
        switch (n.kind) {
            case Re::Epsilon:
                return Expressions::kEpsilon;
            case Re::Chars:
                return spellings_.spell(tree_.set(id));
            case Re::Concat: {
                int32_t result = Expressions::kEpsilon;
                for (size_t i = children.size(); i-- > 0;) result = e_.concat(encode(children[i]), result);
                return result;
            }
            case Re::Union: {
                std::vector<int32_t> options;
                for (int32_t child : children) options.push_back(encode(child));
                return e_.either(std::move(options));
            }
            case Re::And: {
                std::vector<int32_t> parts;
                bool bare = true;
                for (int32_t child : children) {
                    parts.push_back(value(child));
                    bare &= tree_.kind(child) == Re::Not;
                }
                if (bare) parts.push_back(any_);
                return e_.both(std::move(parts));
            }
            case Re::Not:
                return e_.negate(encode(n.a));
            case Re::Loop: {
                Loop* loop = nullptr;
                const int32_t made = e_.lazily(e_.new_name(), [&](int32_t self) {
                    auto source = std::make_unique<Loop>(e_, self, n.nullable);
                    loop = source.get();
                    return source;
                });
                made_.emplace(id, made);
                loop->body = encode(tree_.body(id));
                return made;
            }
            case Re::Repeat:
                if (std::max(n.low, n.high) > INT32_MAX) throw fixed_limit("repeat", INT32_MAX, "count of a repetition");
                return e_.repeat(encode(n.a), static_cast<int32_t>(n.low), static_cast<int32_t>(n.high));
            default:
                throw std::logic_error("a test where a pure expression belongs");
        }
    }

    RegexTree& tree_;
    Spellings& spellings_;
    Expressions& e_;
    int32_t any_;
    std::unordered_map<int32_t, int32_t> made_;
};

}  // namespace guidedgen
