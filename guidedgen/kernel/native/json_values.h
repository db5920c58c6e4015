// Numbers and values of a schema, compared as JSON Schema compares them (2020-12 core, 4.2.2): numerals by what they
// denote, objects without regard to order, 1 equal to 1.0 and different from true.
#pragma once

#include "schema_nodes.h"

namespace guidedgen {

// The one numeral that stands for all equal ones: digits without leading or trailing zeros, with a minus sign where it is
// negative, and behind `e` the power of ten where that is not 0: -12.5 -> "-125e-1", 1200 -> "12e2", 0.0 and -0 -> "0".
// Takes every JSON numeral and the texts of Python's int, float and Decimal; "" where it is none (nan) or its power of ten
// is beyond `largest`.
constexpr int64_t kLargestPower = 1'000'000'000;             // of a schema
constexpr int64_t kLargestWritten = 100'000'000'000'000'000;   // of a text; ten times as much fits 64 bits

inline std::string normalised(std::string_view text, int64_t largest = kLargestPower) {
    size_t at = 0;
    bool negative = !text.empty() && text[0] == '-';
    if (negative || (!text.empty() && text[0] == '+')) ++at;
    std::string digits;
    int64_t power = 0;
    bool point = false, any = false;
    for (; at < text.size() && (text[at] == '.' || (text[at] >= '0' && text[at] <= '9')); ++at) {
        if (text[at] == '.') {
            if (point) return "";
            point = true;
            continue;
        }
        any = true;
        if (point) --power;
        if (!digits.empty() || text[at] != '0') digits += text[at];
    }
    if (!any) return "";
    if (at < text.size()) {
        if (text[at] != 'e' && text[at] != 'E') return "";
        ++at;
        bool below = at < text.size() && text[at] == '-';
        if (below || (at < text.size() && text[at] == '+')) ++at;
        int64_t given = 0;
        if (at == text.size()) return "";
        for (; at < text.size(); ++at) {
            if (text[at] < '0' || text[at] > '9') return "";
            if (given <= largest) given = given * 10 + (text[at] - '0');
        }
        power += below ? -given : given;
    }
    while (!digits.empty() && digits.back() == '0') {
        digits.pop_back();
        ++power;
    }
    if (digits.empty()) return "0";
    if (power > largest || power < -largest) return "";
    std::string result = (negative ? "-" : "") + digits;
    return power ? result + "e" + std::to_string(power) : result;
}

// Parts of a normalised numeral.
struct NormalisedParts {
    bool negative;
    std::string_view digits;
    int64_t power;

    explicit NormalisedParts(std::string_view text) : negative(text[0] == '-'), power(0) {
        if (negative) text.remove_prefix(1);
        size_t e = text.find('e');
        digits = text.substr(0, e);
        if (e != std::string_view::npos) power = std::stoll(std::string(text.substr(e + 1)));
    }
    bool integral() const { return power >= 0; }
    int64_t magnitude() const { return static_cast<int64_t>(digits.size()) + power - 1; }   // of the first digit

    // A count; what is above `most` is `most`. The number must be a non-negative integer.
    int64_t count(int64_t most) const {
        if (magnitude() > 12) return most;
        int64_t value = std::stoll(std::string(digits));
        for (int64_t i = 0; i < power; ++i) value *= 10;
        return value < most ? value : most;
    }
};

inline uint64_t SchemaTable::value_hash(const Value& value) {
    uint64_t hash = mix(static_cast<uint64_t>(value.kind), static_cast<uint32_t>(value.text));
    for (int32_t item : value.items) hash = mix(hash, static_cast<uint32_t>(item));
    for (const auto& member : value.members) hash = mix(mix(hash, static_cast<uint32_t>(member.first)), static_cast<uint32_t>(member.second));
    return hash;
}

inline size_t SchemaTable::value_slot(const Value& value, uint64_t hash) const {
    size_t at = hash & (value_slots_.size() - 1);
    while (value_slots_[at] >= 0) {
        size_t id = static_cast<size_t>(value_slots_[at]);
        const Value& known = values[id];
        if (value_hashes_[id] == hash && known.kind == value.kind && known.text == value.text && known.items == value.items &&
            known.members == value.members)
            break;
        at = (at + 1) & (value_slots_.size() - 1);
    }
    return at;
}

// The id of a value whose parts are interned and whose members are sorted.
inline int32_t SchemaTable::intern(Value value) {
    if ((values.size() + 1) * 2 > value_slots_.size()) {
        value_slots_.assign(value_slots_.empty() ? 64 : value_slots_.size() * 2, -1);
        for (size_t i = 0; i < values.size(); ++i) {
            size_t at = value_hashes_[i] & (value_slots_.size() - 1);
            while (value_slots_[at] >= 0) at = (at + 1) & (value_slots_.size() - 1);
            value_slots_[at] = static_cast<int32_t>(i);
        }
    }
    uint64_t hash = value_hash(value);
    size_t at = value_slot(value, hash);
    if (value_slots_[at] < 0) {
        value_slots_[at] = static_cast<int32_t>(values.size());
        values.push_back(std::move(value));
        value_hashes_.push_back(hash);
    }
    return value_slots_[at];
}

inline int32_t SchemaTable::find(const Value& value) const {
    return value_slots_.empty() ? -1 : value_slots_[value_slot(value, value_hash(value))];
}

}  // namespace guidedgen
