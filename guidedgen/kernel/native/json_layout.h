// Where whitespace and punctuation stand in the JSON texts that are written. See grammars/json_schema/whitespace.py.
#pragma once

#include <string>

#include "expressions.h"
#include "json_options.h"

namespace guidedgen {

class JsonLayout {
  public:
    static constexpr int kLevels = 16;

    JsonLayout(Expressions& e, const JsonOptions& o) : e_(e), o_(o) {
        ByteSet space;
        for (char c : {' ', '\t', '\n', '\r'}) space.add(static_cast<uint8_t>(c));
        any_ = o.whitespace == 1 ? e.repeat(e.bytes(space), 0, o.max_whitespace) : Expressions::kEpsilon;
        colon_ = o.whitespace == 1 ? e.concat(any_, e.concat(text(":"), any_)) : text(": ");
    }

    int32_t around() const { return any_; }
    int32_t colon() const { return colon_; }

    int32_t before(int level, bool first) {
        if (o_.whitespace == 1) return first ? any_ : e_.concat(any_, e_.concat(text(","), any_));
        if (o_.whitespace == 2 && level < kLevels) return text((first ? "" : ",") + line(level + 1));
        return first ? Expressions::kEpsilon : text(", ");
    }

    int32_t close(int level, char bracket) {
        const std::string end(1, bracket);
        if (o_.whitespace == 1) return e_.concat(any_, text(end));
        return text(o_.whitespace == 2 && level < kLevels ? line(level) + end : end);
    }

    int32_t close_empty(char bracket) { return e_.concat(any_, text(std::string(1, bracket))); }
    int deeper(int level) const { return o_.whitespace == 2 ? std::min(level + 1, kLevels) : 0; }
    int32_t text(const std::string& s) { return e_.literal(reinterpret_cast<const uint8_t*>(s.data()), s.size()); }

  private:
    std::string line(int level) const { return "\n" + std::string(static_cast<size_t>(o_.indent * level), ' '); }

    Expressions& e_;
    JsonOptions o_;
    int32_t any_, colon_;
};

}  // namespace guidedgen
