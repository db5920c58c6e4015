// Exact decimal numbers: what a JSON numeral says, compared and scaled without rounding.
//
// A magnitude is kept as its digits without zeros at either end and an exponent, so values as large as 1e400 or of 300
// digits cost what their text does. Whole numbers of any size are strings of digits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "schema_nodes.h"

namespace guidedgen {

struct Decimal {
    bool negative = false;
    std::string digits;       // without zeros at either end; empty: the number zero
    int64_t exponent = 0;     // the value is digits * 10^exponent

    bool zero() const { return digits.empty(); }
    int64_t order() const { return exponent + static_cast<int64_t>(digits.size()); }   // 10^(order-1) <= |value| < 10^order
    Decimal magnitude() const { return {false, digits, exponent}; }
};

namespace decimals {

constexpr int64_t kFarExponent = int64_t{1} << 60;   // exponents beyond are taken as this one

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

inline std::string trim_left(const std::string& digits) {
    const size_t at = digits.find_first_not_of('0');
    return at == std::string::npos ? "0" : digits.substr(at);
}

// digits * 10^exponent; any zeros at either end are taken off.
inline Decimal normal(bool negative, std::string digits, int64_t exponent) {
    const size_t first = digits.find_first_not_of('0');
    if (first == std::string::npos) return {};
    const size_t last = digits.find_last_not_of('0');
    exponent += static_cast<int64_t>(digits.size() - 1 - last);
    return {negative, digits.substr(first, last - first + 1), exponent};
}

inline int compare_magnitude(const Decimal& left, const Decimal& right) {
    if (left.zero() || right.zero()) return static_cast<int>(!left.zero()) - static_cast<int>(!right.zero());
    if (left.order() != right.order()) return left.order() < right.order() ? -1 : 1;
    const int c = left.digits.compare(right.digits);
    return c < 0 ? -1 : c > 0 ? 1 : 0;
}

inline int compare(const Decimal& left, const Decimal& right) {
    const bool below = left.negative && !left.zero(), other = right.negative && !right.zero();
    if (below != other) return below ? -1 : 1;
    return below ? compare_magnitude(right, left) : compare_magnitude(left, right);
}

// Whole numbers as digits without leading zeros.
inline int compare_whole(const std::string& left, const std::string& right) {
    if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
    const int c = left.compare(right);
    return c < 0 ? -1 : c > 0 ? 1 : 0;
}

inline uint64_t remainder(const std::string& whole, uint64_t modulus) {
    unsigned __int128 r = 0;
    for (char c : whole) r = (r * 10 + static_cast<unsigned>(c - '0')) % modulus;
    return static_cast<uint64_t>(r);
}

inline std::string add(std::string whole, uint64_t small) {
    for (size_t i = whole.size(); i-- > 0 && small;) {
        small += static_cast<uint64_t>(whole[i] - '0');
        whole[i] = static_cast<char>('0' + small % 10);
        small /= 10;
    }
    return small ? std::to_string(small) + whole : whole;
}

// `left` - `right`, which must not be greater.
inline std::string subtract(std::string left, const std::string& right) {
    int borrow = 0;
    for (size_t i = 0; i < left.size() && (i < right.size() || borrow); ++i) {
        char& digit = left[left.size() - 1 - i];
        int value = digit - '0' - borrow - (i < right.size() ? right[right.size() - 1 - i] - '0' : 0);
        borrow = value < 0;
        digit = static_cast<char>('0' + value + 10 * borrow);
    }
    return trim_left(left);
}

// The whole part of |value| * 10^scale, and whether that is all of it.
inline std::pair<std::string, bool> scaled(const Decimal& value, int64_t scale) {
    const int64_t length = value.zero() ? 0 : value.order() + scale, known = static_cast<int64_t>(value.digits.size());
    if (length <= 0) return {"0", value.zero()};
    if (length < known) return {value.digits.substr(0, static_cast<size_t>(length)), false};
    return {value.digits + std::string(static_cast<size_t>(length - known), '0'), true};
}

// Without an exponent: "-12.5", "1200", "0". For values of which that is no long text.
inline std::string plain(const Decimal& value) {
    if (value.zero()) return "0";
    std::string digits = value.digits;
    if (value.exponent >= 0) digits += std::string(static_cast<size_t>(value.exponent), '0');
    else if (value.order() <= 0) digits = "0." + std::string(static_cast<size_t>(-value.order()), '0') + digits;
    else digits.insert(static_cast<size_t>(value.order()), ".");
    return (value.negative ? "-" : "") + digits;
}

}  // namespace decimals

// Any numeral of RFC 8259, 6. Raises SchemaError (without a place) for other texts.
inline Decimal parse_decimal(std::string_view text) {
    using decimals::is_digit;
    const auto malformed = [&] {
        return SchemaError(SchemaError::Kind::Malformed, "'" + std::string(text) + "' is no JSON number", "");
    };
    size_t at = 0;
    const auto read_digits = [&] {
        const size_t from = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        if (at == from) throw malformed();
        return std::string(text.substr(from, at - from));
    };
    const bool negative = !text.empty() && text[0] == '-';
    at += negative;
    std::string digits = read_digits();
    if (digits.size() > 1 && digits[0] == '0') throw malformed();
    int64_t exponent = 0;
    if (at < text.size() && text[at] == '.') {
        ++at;
        const std::string fraction = read_digits();
        digits += fraction;
        exponent = -static_cast<int64_t>(fraction.size());
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        const bool below = at < text.size() && text[at] == '-';
        at += at < text.size() && (text[at] == '-' || text[at] == '+');
        int64_t power = 0;
        for (char c : read_digits()) power = std::min(decimals::kFarExponent, power * 10 + (c - '0'));
        exponent += below ? -power : power;
    }
    if (at != text.size()) throw malformed();
    return decimals::normal(negative, std::move(digits), exponent);
}

// One text for each value: "-125e-1", "1e0", "0".
inline std::string canonical(const Decimal& value) {
    if (value.zero()) return "0";
    return (value.negative ? "-" : "") + value.digits + "e" + std::to_string(value.exponent);
}

}  // namespace guidedgen
