// How far the bytes of a JSON document have come (RFC 8259), one byte at a time: what can follow, and how much at least.
#pragma once

#include <cstring>
#include <optional>
#include <string_view>

#include "json_embedded.h"

namespace guidedgen {

// A position within a JSON document. Every position can be completed.
class JsonReading {
  public:
    bool operator==(const JsonReading& o) const {
        return objects_ == o.objects_ && depth_ == o.depth_ && at_ == o.at_ && left_ == o.left_ && detail_ == o.detail_ && name_ == o.name_;
    }
    uint64_t hash() const {
        return mix(objects_, static_cast<uint64_t>(depth_) << 32 | static_cast<uint64_t>(at_) << 24 | static_cast<uint64_t>(left_) << 16 |
                                 static_cast<uint64_t>(detail_) << 8 | name_);
    }

    bool complete() const { return depth_ == 0 && (at_ == At::Behind || number_may_end()); }

    // The fewest bytes that complete the document.
    int32_t nearest() const {
        switch (at_) {
            case At::Value: case At::Minus: case At::Point: case At::Exponent: case At::Sign: return depth_ + 1;
            case At::FirstItem: case At::FirstName: return depth_;
            case At::Name: return depth_ + 4;    // "":0
            case At::Colon: return depth_ + 2;   // :0
            case At::Text: case At::Escape: case At::Hex: case At::Wide: return depth_ + left_ + (name_ ? 3 : 1);
            case At::Word: return depth_ + left_;
            default: return depth_;
        }
    }

    std::optional<JsonReading> after(uint8_t byte) const {
        switch (at_) {
            case At::Text: return in_text(byte);
            case At::Escape: return escape(byte);
            case At::Hex: return is_hex(byte) ? continued() : none();
            case At::Wide: return wide(byte);
            case At::Word: return byte == static_cast<uint8_t>(word(detail_)[word(detail_).size() - left_]) ? continued() : none();
            case At::Minus: case At::Zero: case At::Digits: case At::Point: case At::Fraction:
            case At::Exponent: case At::Sign: case At::Power:
                return number(byte);
            default: break;
        }
        if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') return *this;
        return between(byte);
    }

  private:
    enum class At : uint8_t {
        Value, FirstItem, FirstName, Name, Colon, Behind,                                // space may stand here
        Text, Escape, Hex, Wide, Word, Minus, Zero, Digits, Point, Fraction, Exponent, Sign, Power
    };
    static std::string_view word(int i) { return i == 0 ? "true" : i == 1 ? "false" : "null"; }

    static std::optional<JsonReading> none() { return std::nullopt; }

    JsonReading moved(At at, int left = 0, int detail = 0) const {
        JsonReading next = *this;
        next.at_ = at;
        next.left_ = static_cast<uint8_t>(left);
        next.detail_ = static_cast<uint8_t>(detail);
        return next;
    }

    bool in_object() const { return objects_ >> (depth_ - 1) & 1; }

    std::optional<JsonReading> between(uint8_t byte) const {
        switch (at_) {
            case At::FirstItem: return byte == ']' ? closed() : value(byte);
            case At::Value: return value(byte);
            case At::FirstName: return byte == '}' ? closed() : text(byte, true);
            case At::Name: return text(byte, true);
            case At::Colon: return byte == ':' ? std::optional(moved(At::Value)) : none();
            default: break;
        }
        if (depth_ == 0) return none();
        if (byte == ',') return moved(in_object() ? At::Name : At::Value);
        return byte == (in_object() ? '}' : ']') ? closed() : none();
    }

    std::optional<JsonReading> closed() const {
        JsonReading next = moved(At::Behind);
        --next.depth_;
        next.objects_ &= (uint64_t{1} << next.depth_) - 1;
        return next;
    }

    std::optional<JsonReading> text(uint8_t byte, bool name) const {
        if (byte != '"') return none();
        JsonReading next = moved(At::Text);
        next.name_ = name;
        return next;
    }

    std::optional<JsonReading> value(uint8_t byte) const {
        if (byte == '[' || byte == '{') return opened(byte == '{');
        if (byte == '"') return text(byte, false);
        if (byte == '-') return moved(At::Minus);
        if (byte == '0') return moved(At::Zero);
        if (byte >= '1' && byte <= '9') return moved(At::Digits);
        for (int i = 0; i < 3; ++i)
            if (byte == static_cast<uint8_t>(word(i)[0])) return moved(At::Word, static_cast<int>(word(i).size()) - 1, i);
        return none();
    }

    std::optional<JsonReading> opened(bool object) const {
        if (depth_ == JsonDocuments::kDeepest) return none();
        JsonReading next = moved(object ? At::FirstName : At::FirstItem);
        next.objects_ |= uint64_t{object} << depth_;
        ++next.depth_;
        return next;
    }

    // One letter, digit or byte more of what has a length.
    std::optional<JsonReading> continued() const {
        if (left_ > 1) return moved(at_, left_ - 1, at_ == At::Word ? detail_ : 0);
        return at_ == At::Word ? moved(At::Behind) : moved(At::Text);
    }

    std::optional<JsonReading> in_text(uint8_t byte) const {
        if (byte == '"') {
            JsonReading next = moved(name_ ? At::Colon : At::Behind);
            next.name_ = false;
            return next;
        }
        if (byte == '\\') return moved(At::Escape, 1);
        if (byte < 0x20) return none();
        if (byte < 0x80) return *this;
        if (byte < 0xC2 || byte > 0xF4) return none();   // RFC 3629, 4
        const bool bounds = byte == 0xE0 || byte == 0xED || byte == 0xF0 || byte == 0xF4;
        return moved(At::Wide, byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3, bounds ? byte : 0);
    }

    std::optional<JsonReading> wide(uint8_t byte) const {
        const uint8_t low = detail_ == 0xE0 ? 0xA0 : detail_ == 0xF0 ? 0x90 : 0x80;
        const uint8_t high = detail_ == 0xED ? 0x9F : detail_ == 0xF4 ? 0x8F : 0xBF;
        return byte < low || byte > high ? none() : continued();
    }

    std::optional<JsonReading> escape(uint8_t byte) const {
        if (byte == 'u') return moved(At::Hex, 4);
        return byte && std::strchr("\"\\/bfnrt", byte) ? std::optional(moved(At::Text)) : none();
    }

    static bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }
    static bool is_hex(uint8_t byte) { return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'); }

    bool number_may_end() const { return at_ == At::Zero || at_ == At::Digits || at_ == At::Fraction || at_ == At::Power; }

    std::optional<JsonReading> number(uint8_t byte) const {
        if (is_digit(byte)) return digit(byte);
        const bool whole = at_ == At::Zero || at_ == At::Digits;
        if (whole && byte == '.') return moved(At::Point);
        if ((whole || at_ == At::Fraction) && (byte == 'e' || byte == 'E')) return moved(At::Exponent);
        if (at_ == At::Exponent && (byte == '+' || byte == '-')) return moved(At::Sign);
        return number_may_end() ? moved(At::Behind).after(byte) : none();
    }

    std::optional<JsonReading> digit(uint8_t byte) const {
        switch (at_) {
            case At::Minus: return moved(byte == '0' ? At::Zero : At::Digits);
            case At::Zero: return none();
            case At::Point: return moved(At::Fraction);
            case At::Exponent: case At::Sign: return moved(At::Power);
            default: return *this;
        }
    }

    uint64_t objects_ = 0;   // the open levels that are objects, the outermost first
    uint8_t depth_ = 0;
    At at_ = At::Value;
    uint8_t left_ = 0;       // bytes to come of an escape, a character or a word
    uint8_t detail_ = 0;     // Word: which; Wide: the lead byte, where it bounds the next byte
    bool name_ = false;      // the string is the name of a member
};

}  // namespace guidedgen
