// The name of a JSON member, byte by byte, unescaped as it comes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace guidedgen {

// Follows the lexeme of a member's name byte by byte: whitespace and a comma, then a string, unescaped as it comes.
class NameReader {
  public:
    enum class Where : uint8_t { Before, Inside, After };
    Where where = Where::Before;
    std::string name;

    void read(uint8_t b) {
        if (where == Where::Before) {
            if (b == '"') where = Where::Inside;
        } else if (where == Where::Inside) {
            if (escape_.empty()) {
                if (b == '"') where = Where::After;
                else if (b == '\\') escape_ = "\\";
                else name += static_cast<char>(b);
            } else {
                escape_ += static_cast<char>(b);
                finish_escape();
            }
        }
    }
    // Whether the name so far can be the beginning of a text.
    bool begins(const std::string& text) const { return name.size() <= text.size() && text.compare(0, name.size(), name) == 0; }
    // Whether an escape has begun and is not complete.
    bool escaping() const { return !escape_.empty(); }
    // Whether a byte can go on with it (RFC 8259, section 7).
    bool may_escape(uint8_t b) const {
        const size_t at = escape_.size();
        if (at == 1) return b && std::strchr("\"\\/bfnrtu", b);
        if (at == 6 || at == 7) return b == (at == 6 ? '\\' : 'u');   // the second half of a surrogate pair
        return (b >= '0' && b <= '9') || ((b | 0x20) >= 'a' && (b | 0x20) <= 'f');
    }

  private:
    void finish_escape() {
        if (escape_.size() == 2 && escape_[1] != 'u') {
            static constexpr char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
            const char* at = std::strchr(letters, escape_[1]);
            name += at ? meant[at - letters] : escape_[1];
            escape_.clear();
        } else if (escape_.size() == 6) {
            const uint32_t unit = hexadecimal(2);
            if (unit - 0xD800 < 0x400) return;   // the first half of a surrogate pair
            append(unit);
            escape_.clear();
        } else if (escape_.size() == 12) {
            append(0x10000 + ((hexadecimal(2) - 0xD800) << 10) + (hexadecimal(8) - 0xDC00));
            escape_.clear();
        }
    }

    uint32_t hexadecimal(size_t at) const {
        uint32_t value = 0;
        for (size_t i = at; i < at + 4; ++i) {
            const char c = escape_[i];
            value = value * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        return value;
    }

    void append(uint32_t code) {
        static constexpr uint32_t marks[4] = {0, 0xC0, 0xE0, 0xF0};
        const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        name += static_cast<char>(more ? marks[more] | (code >> (6 * more)) : code);
        for (int i = more; i-- > 0;) name += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F));
    }

    std::string escape_;
};

}  // namespace guidedgen
