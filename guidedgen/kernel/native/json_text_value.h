// A JSON text that was generated, as an interned value: what uniqueItems compares.
#pragma once

#include <string>

#include "json_values.h"
#include "registers.h"

namespace guidedgen {

class JsonValues {
  public:
    explicit JsonValues(SchemaTable& table) : table_(table) {}

    // The value of a valid text with whitespace around it.
    int32_t read(const std::string& text) {
        text_ = &text;
        at_ = 0;
        return value(0);
    }

  private:
    static constexpr int kDeepest = 500;

    char peek() {
        while (at_ < text_->size() && std::strchr(" \t\r\n,:", (*text_)[at_])) ++at_;   // punctuation is where it has to be
        return at_ < text_->size() ? (*text_)[at_] : '\0';
    }

    int32_t value(int depth) {
        if (depth > kDeepest) throw fixed_limit("depth", kDeepest, "nested values that have to differ");
        switch (peek()) {
            case 'n': at_ += 4; return table_.intern(Value(Value::Kind::Null));
            case 't': at_ += 4; return table_.intern(Value(Value::Kind::True));
            case 'f': at_ += 5; return table_.intern(Value(Value::Kind::False));
            case '"': {
                Value v(Value::Kind::String);
                v.text = string();
                return table_.intern(std::move(v));
            }
            case '[': {
                Value v(Value::Kind::Array);
                for (++at_; peek() != ']';) v.items.push_back(value(depth + 1));
                ++at_;
                return table_.intern(std::move(v));
            }
            case '{': {
                Value v(Value::Kind::Object);
                for (++at_; peek() != '}';) {
                    const int32_t key = string();
                    v.members.emplace_back(key, value(depth + 1));
                }
                ++at_;
                std::sort(v.members.begin(), v.members.end());
                return table_.intern(std::move(v));
            }
            default: {
                const size_t from = at_;
                while (at_ < text_->size() && std::strchr("+-.0123456789eE", (*text_)[at_])) ++at_;
                if (at_ == from) throw std::logic_error("an item that is no JSON");
                const std::string numeral = normalised(text_->substr(from, at_ - from), kLargestWritten);
                if (numeral.empty()) throw fixed_limit("exponent", kLargestWritten, "numbers that have to differ");
                Value v(Value::Kind::Number);
                v.text = table_.intern(numeral);
                return table_.intern(std::move(v));
            }
        }
    }

    int32_t string() {
        NameReader reader;
        peek();
        while (at_ < text_->size() && reader.where != NameReader::Where::After) reader.read(static_cast<uint8_t>((*text_)[at_++]));
        return table_.intern(reader.name);
    }

    SchemaTable& table_;
    const std::string* text_ = nullptr;
    size_t at_ = 0;
};

}  // namespace guidedgen
