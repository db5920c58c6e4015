// Sets of characters and their spellings in JSON strings, as expressions over bytes (RFC 8259, section 7; RFC 3629).
//
// A character is a Unicode scalar value: lone surrogates have no spelling. It may stand for itself, as a two-character
// escape, or as \uXXXX with hexadecimal digits of either case, beyond U+FFFF as a surrogate pair. Different texts never
// share a spelling, so operations on sets of texts carry over to their spellings.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "expressions.h"

namespace guidedgen {

constexpr uint32_t kMaxCode = 0x10FFFF;

class CharSet {
  public:
    using Range = std::pair<uint32_t, uint32_t>;   // inclusive on both ends

    CharSet() = default;
    static CharSet of(std::vector<Range> ranges) {
        std::sort(ranges.begin(), ranges.end());
        CharSet merged;
        for (const Range& r : ranges) {
            if (r.first > r.second) continue;
            if (!merged.ranges_.empty() && r.first <= merged.ranges_.back().second + 1)
                merged.ranges_.back().second = std::max(merged.ranges_.back().second, r.second);
            else
                merged.ranges_.push_back(r);
        }
        return merged & any();
    }
    static CharSet single(uint32_t code) { return code - 0xD800 < 0x800 ? CharSet() : CharSet({{code, code}}); }
    static CharSet from(std::string_view ascii) {
        std::vector<Range> ranges;
        for (char c : ascii) ranges.emplace_back(static_cast<uint8_t>(c), static_cast<uint8_t>(c));
        return of(std::move(ranges));
    }
    static const CharSet& any() {
        static const CharSet all({{0, 0xD7FF}, {0xE000, kMaxCode}});
        return all;
    }

    const std::vector<Range>& ranges() const { return ranges_; }
    bool empty() const { return ranges_.empty(); }
    bool is_any() const { return ranges_ == any().ranges_; }
    bool operator==(const CharSet& o) const { return ranges_ == o.ranges_; }
    bool operator<(const CharSet& o) const { return ranges_ < o.ranges_; }

    bool has(uint32_t code) const {
        auto after = std::upper_bound(ranges_.begin(), ranges_.end(), Range(code, kMaxCode));
        return after != ranges_.begin() && std::prev(after)->second >= code;
    }

    CharSet operator|(const CharSet& o) const {
        std::vector<Range> both(ranges_);
        both.insert(both.end(), o.ranges_.begin(), o.ranges_.end());
        return of(std::move(both));
    }

    CharSet operator&(const CharSet& o) const {
        CharSet common;
        for (size_t i = 0, j = 0; i < ranges_.size() && j < o.ranges_.size();) {
            const Range &l = ranges_[i], &r = o.ranges_[j];
            const uint32_t low = std::max(l.first, r.first), high = std::min(l.second, r.second);
            if (low <= high) common.ranges_.emplace_back(low, high);
            if (l.second < r.second) ++i;
            else ++j;
        }
        return common;
    }

    CharSet operator~() const {
        CharSet gaps;
        uint32_t after = 0;
        for (const Range& r : ranges_) {
            if (after < r.first) gaps.ranges_.emplace_back(after, r.first - 1);
            after = r.second + 1;
        }
        if (after <= kMaxCode) gaps.ranges_.emplace_back(after, kMaxCode);
        return gaps & any();
    }

    CharSet operator-(const CharSet& o) const { return *this & ~o; }

    uint64_t hash() const {
        uint64_t h = ranges_.size();
        for (const Range& r : ranges_) h = mix(h, (static_cast<uint64_t>(r.first) << 32) | r.second);
        return h;
    }

  private:
    explicit CharSet(std::vector<Range> ranges) : ranges_(std::move(ranges)) {}
    std::vector<Range> ranges_;   // sorted, disjoint, not adjacent, without surrogates
};

struct CharSetHash {
    size_t operator()(const CharSet& s) const { return s.hash(); }
};

// The code points of UTF-8; lone surrogates in it (WTF-8) come out as they are, other broken bytes as U+FFFD.
inline std::vector<uint32_t> code_points(std::string_view utf8) {
    std::vector<uint32_t> codes;
    codes.reserve(utf8.size());
    for (size_t i = 0; i < utf8.size();) {
        const uint8_t lead = static_cast<uint8_t>(utf8[i++]);
        const int more = lead < 0x80 ? 0 : lead >= 0xF0 && lead < 0xF5 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : -1;
        uint32_t code = more == 0 ? lead : lead & (0x3F >> std::max(more, 1));
        bool whole = more >= 0 && lead < 0xF5 && i + static_cast<size_t>(std::max(more, 0)) <= utf8.size();
        for (int k = 0; whole && k < more; ++k, ++i) {
            const uint8_t byte = static_cast<uint8_t>(utf8[i]);
            if ((byte & 0xC0) != 0x80) whole = false;
            else code = code << 6 | (byte & 0x3F);
            if (!whole) --i;
        }
        codes.push_back(whole && code <= kMaxCode ? code : 0xFFFD);
    }
    return codes;
}

// Expressions of one character: `utf8` of its bytes, `spell` of all its JSON spellings. Memoised by set.
class Spellings {
  public:
    explicit Spellings(Expressions& expressions) : e_(expressions) {
        for (int digits = 1; digits <= 4; ++digits) full_hex_[digits] = -1;
    }

    int32_t spell(const CharSet& chars) {
        auto known = spelled_.find(chars);
        if (known != spelled_.end()) return known->second;
        const int32_t made = spell_anew(chars);
        if (made != Expressions::kEmpty) e_.mark_text(made);
        spelled_.emplace(chars, made);
        return made;
    }

    int32_t spell(uint32_t code) {
        if (code >= 128) return spell(CharSet::single(code));
        if (ascii_.empty()) ascii_.assign(128, -1);
        if (ascii_[code] < 0) ascii_[code] = spell(CharSet::single(code));
        return ascii_[code];
    }

    int32_t utf8(const CharSet& chars) {
        static constexpr uint32_t bounds[4][2] = {{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, kMaxCode}};
        static constexpr uint32_t marks[4] = {0, 0xC0, 0xE0, 0xF0};
        std::vector<int32_t> options;
        for (int tail = 0; tail < 4; ++tail) {
            Ranges inside = clipped(chars.ranges(), bounds[tail][0], bounds[tail][1], 0);
            if (!inside.empty()) options.push_back(units(inside, tail, marks[tail]));
        }
        return e_.either(std::move(options));
    }

    // Characters that the vocabulary cannot write as they are, and perhaps some that it can.
    CharSet unwritten() const {
        if (e_.complete()) return {};
        auto lacks = [this](int from, int to) { return !e_.spells(ByteSet::range(from, to)); };
        if (lacks(0x80, 0xBF)) return e_.spells(ByteSet::range(0, 0x7F)) ? CharSet::of({{0x80, kMaxCode}}) : CharSet::any();
        std::vector<CharSet::Range> found;
        for (uint32_t lead = 0; lead < 0xF5; ++lead) {
            if (!lacks(static_cast<int>(lead), static_cast<int>(lead)) || (lead >= 0x80 && lead < 0xC2)) continue;
            const uint32_t bits = lead < 0x80 ? 0 : lead < 0xE0 ? 6 : lead < 0xF0 ? 12 : 18;
            const uint32_t first = (lead < 0x80 ? lead : lead & (bits == 6 ? 0x1F : bits == 12 ? 0x0F : 0x07)) << bits;
            found.emplace_back(first, std::min(first + (1u << bits) - 1, kMaxCode));
        }
        return CharSet::of(std::move(found));
    }

    // A spelling of a character that can be written: the one that is given, if it can. There is one.
    std::string some(uint32_t code, std::string wanted) {
        if (e_.complete() || std::all_of(wanted.begin(), wanted.end(), [this](char c) { return e_.spells(ByteSet::single(static_cast<uint8_t>(c))); }))
            return wanted;
        wanted.clear();
        for (int32_t rest = spell(code); rest != Expressions::kEpsilon;) {
            const auto part = e_.derive(rest).front();   // no part of a spelling is empty
            part.first.each([&, first = true](uint8_t b) mutable {
                if (first) wanted += static_cast<char>(b);
                first = false;
            });
            rest = part.second;
        }
        return wanted;
    }

  private:
    using Ranges = std::vector<CharSet::Range>;

    int32_t spell_anew(const CharSet& chars) {
        static const CharSet raw = ~(CharSet::of({{0, 0x1F}}) | CharSet::from("\"\\"));
        static constexpr char shorts[][2] = {{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}};
        if (chars.empty()) return Expressions::kEmpty;
        ByteSet letters;
        for (const auto& s : shorts)
            if (chars.has(static_cast<uint8_t>(s[0]))) letters.add(static_cast<uint8_t>(s[1]));
        std::vector<int32_t> hex{hexadecimal(clipped(chars.ranges(), 0, 0xFFFF, 0), 4), pairs(clipped(chars.ranges(), 0x10000, kMaxCode, 0x10000))};
        const int32_t escapes = e_.either({e_.bytes(letters), e_.concat(byte('u'), e_.either(std::move(hex)))});
        return e_.either({utf8(chars & raw), e_.concat(byte('\\'), escapes)});
    }

    int32_t byte(char c) { return e_.bytes(ByteSet::single(static_cast<uint8_t>(c))); }

    static Ranges clipped(const Ranges& ranges, uint32_t low, uint32_t high, uint32_t base) {
        Ranges inside;
        for (const auto& r : ranges)
            if (r.second >= low && r.first <= high) inside.emplace_back(std::max(r.first, low) - base, std::min(r.second, high) - base);
        return inside;
    }

    // Values split at a bit: leading parts that may be followed by the same lower bits share an entry.
    static std::vector<std::pair<Ranges, std::vector<uint32_t>>> grouped(const Ranges& ranges, int shift) {
        const uint32_t full = (1u << shift) - 1;
        std::vector<std::pair<uint32_t, Ranges>> tails;
        for (const auto& r : ranges) {
            const uint32_t first = r.first >> shift, last = r.second >> shift;
            for (uint32_t head = first; head <= last; ++head) {
                if (tails.empty() || tails.back().first != head) tails.emplace_back(head, Ranges());
                tails.back().second.emplace_back(head == first ? r.first & full : 0, head == last ? r.second & full : full);
            }
        }
        std::vector<std::pair<Ranges, std::vector<uint32_t>>> groups;
        std::map<Ranges, size_t> index;
        for (auto& tail : tails) {
            auto at = index.emplace(tail.second, groups.size());
            if (at.second) groups.emplace_back(std::move(tail.second), std::vector<uint32_t>());
            groups[at.first->second].second.push_back(tail.first);
        }
        return groups;
    }

    // UTF-8: `tail` + 1 bytes with six bits of the value in each continuation byte.
    int32_t units(const Ranges& ranges, int tail, uint32_t mark) {
        if (tail == 0) {
            ByteSet set;
            for (const auto& r : ranges)
                for (uint32_t v = r.first; v <= r.second; ++v) set.add(static_cast<uint8_t>(mark + v));
            return e_.bytes(set);
        }
        std::vector<int32_t> options;
        for (const auto& group : grouped(ranges, 6 * tail)) {
            ByteSet leads;
            for (uint32_t head : group.second) leads.add(static_cast<uint8_t>(mark + head));
            options.push_back(e_.concat(e_.bytes(leads), units(group.first, tail - 1, 0x80)));
        }
        return e_.either(std::move(options));
    }

    static void add_digit(ByteSet& set, uint32_t value) {
        set.add(static_cast<uint8_t>("0123456789abcdef"[value]));
        set.add(static_cast<uint8_t>("0123456789ABCDEF"[value]));
    }

    // Numbers in any of the ranges with exactly so many hexadecimal digits.
    int32_t hexadecimal(const Ranges& ranges, int digits) {
        if (ranges.empty()) return Expressions::kEmpty;
        const bool full = ranges.size() == 1 && ranges[0].first == 0 && ranges[0].second == (1u << (4 * digits)) - 1;
        if (full && full_hex_[digits] >= 0) return full_hex_[digits];
        int32_t made;
        if (digits == 1) {
            ByteSet set;
            for (const auto& r : ranges)
                for (uint32_t v = r.first; v <= r.second; ++v) add_digit(set, v);
            made = e_.bytes(set);
        } else {
            std::vector<int32_t> options;
            for (const auto& group : grouped(ranges, 4 * (digits - 1))) {
                ByteSet heads;
                for (uint32_t head : group.second) add_digit(heads, head);
                options.push_back(e_.concat(e_.bytes(heads), hexadecimal(group.first, digits - 1)));
            }
            made = e_.either(std::move(options));
        }
        if (full) full_hex_[digits] = made;
        return made;
    }

    // Surrogate pairs after the first "\u": ten bits in each half (RFC 2781, 2.1).
    int32_t pairs(const Ranges& ranges) {
        std::vector<int32_t> options;
        for (const auto& group : grouped(ranges, 10)) {
            Ranges high, low;
            for (uint32_t head : group.second) {
                if (!high.empty() && high.back().second + 1 == 0xD800 + head) ++high.back().second;
                else high.emplace_back(0xD800 + head, 0xD800 + head);
            }
            for (const auto& r : group.first) low.emplace_back(0xDC00 + r.first, 0xDC00 + r.second);
            const int32_t second = e_.concat(byte('\\'), e_.concat(byte('u'), hexadecimal(low, 4)));
            options.push_back(e_.concat(hexadecimal(high, 4), second));
        }
        return e_.either(std::move(options));
    }

    Expressions& e_;
    std::unordered_map<CharSet, int32_t, CharSetHash> spelled_;
    std::vector<int32_t> ascii_;
    int32_t full_hex_[5];
};

}  // namespace guidedgen
