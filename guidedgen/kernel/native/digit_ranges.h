// Numerals in a range as expressions without And and Not, so that no search is ever needed for what can complete them.
//
// Digits are compared with those of the bounds from left to right; expressions are linear in the number of digits. Bounds
// of more than kLongest digits before or after the point are rounded inwards for plain numerals.
#pragma once

#include <optional>

#include "decimals.h"
#include "expressions.h"

namespace guidedgen {

// A bound of magnitudes, as it is written without an exponent.
struct Edge {
    std::string whole = "0", fraction;   // without zeros at the end
    bool strict = false;
    bool cut = false;                    // the digits of a lower bound went on: what agrees so far is below it
    int64_t far = 0;                     // too many digits before the point: their number

    static constexpr int64_t kLongest = 5'000;

    static Edge of(const Decimal& value, bool strict) {
        Edge edge;
        edge.strict = strict;
        if (value.zero()) return edge;
        if (value.order() > kLongest) {
            edge.far = value.order();
            return edge;
        }
        const int64_t whole = std::max<int64_t>(0, value.order()), known = static_cast<int64_t>(value.digits.size());
        if (whole > 0) {
            edge.whole = value.digits.substr(0, static_cast<size_t>(whole));
            if (whole > known) edge.whole += std::string(static_cast<size_t>(whole - known), '0');
        }
        if (known > whole) {
            edge.fraction = std::string(static_cast<size_t>(std::min(kLongest, std::max<int64_t>(0, -value.order()))), '0');
            edge.fraction += value.digits.substr(static_cast<size_t>(whole));
        }
        edge.shorten();
        return edge;
    }

    bool ends_at(size_t place) const { return place >= fraction.size(); }   // only zeros from that place on
    char place(size_t at) const { return at < fraction.size() ? fraction[at] : '0'; }

  private:
    void shorten() {
        if (static_cast<int64_t>(fraction.size()) <= kLongest) return;
        fraction.resize(kLongest);
        while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
        cut = true;
    }
};

class DigitRanges {
  public:
    static constexpr int64_t kNoPlaces = -1;   // any number of decimal places

    explicit DigitRanges(Expressions& expressions)
        : e_(expressions), digit(set('0', '9')), nonzero(set('1', '9')), zero(set('0', '0')), point(set('.', '.')), minus(set('-', '-')),
          digits(e_.repeat(digit, 0, -1)), zeros(e_.repeat(zero, 0, -1)), some(e_.repeat(digit, 1, -1)),
          zero_fraction(e_.concat(point, e_.repeat(zero, 1, -1))), any_fraction(e_.concat(point, some)),
          magnitude(e_.either({zero, e_.concat(nonzero, digits)})), letter(e_.either({set('e', 'e'), set('E', 'E')})) {}

    int32_t set(char low, char high) {
        ByteSet s;
        for (char c = low; c <= high; ++c) s.add(static_cast<uint8_t>(c));
        return e_.bytes(s);
    }
    int32_t maybe(int32_t id) { return e_.repeat(id, 0, 1); }
    int32_t sign(char c) { return set(c, c); }
    int32_t maybe_minus(int32_t id) { return e_.concat(maybe(minus), id); }

    // Magnitudes without an exponent, at least `low` and at most `high` (null: no bound), with at most `places` decimal
    // places that are not zero.
    int32_t plain(const Edge& low, const Edge* high, int64_t places) {
        return whole(low, high, [&](bool at_low, bool at_high) {
            return fraction(at_low ? &low : nullptr, at_high ? high : nullptr, places);
        });
    }

    // Whole numbers from `low` to `high` without leading zeros; `tail(at_low, at_high)` follows those that equal a bound's.
    template <class Tail>
    int32_t whole(const Edge& low, const Edge* high, Tail tail) {
        if (high && high->far) {
            if (low.far) return longer(low.far + 1, high->far - 1, tail(false, false));
            return from(low, high->far - 1, tail);
        }
        if (low.far) return high ? Expressions::kEmpty : longer(low.far + 1, -1, tail(false, false));
        if (!high) return from(low, -1, tail);
        const std::string &a = low.whole, &b = high->whole;
        if (decimals::compare_whole(a, b) > 0) return Expressions::kEmpty;
        if (a.size() < b.size()) return e_.either({from(low, static_cast<int64_t>(b.size()) - 1, tail), up_to(b, 0, tail)});
        size_t same = 0;
        while (same < a.size() && a[same] == b[same]) ++same;
        const std::string common = a.substr(0, same);
        if (same == a.size()) return text(common, tail(true, true));
        const int32_t between = run(a[same] + 1, b[same] - 1, a.size() - same - 1, tail(false, false));
        return text(common, e_.either({e_.concat(set(a[same], a[same]), down_to(a, same + 1, tail)), between,
                                       e_.concat(set(b[same], b[same]), up_to(b, same + 1, tail))}));
    }

    // Exponents of a value: zeros may lead, and the sign of one that is not below zero may be left out.
    int32_t exponents(std::optional<int64_t> low, std::optional<int64_t> high) {
        if (low && high && *low > *high) return Expressions::kEmpty;
        int32_t above = Expressions::kEmpty, below = Expressions::kEmpty;
        if (!high || *high >= 0) above = e_.concat(maybe(set('+', '+')), counts(std::max<int64_t>(low.value_or(0), 0), high.value_or(kUnbounded)));
        if (!low || *low <= 0) {
            below = e_.concat(minus, counts(std::max<int64_t>(-high.value_or(0), 0), low ? -*low : kUnbounded));
        }
        return e_.concat(letter, e_.either({above, below}));
    }

    // What follows the point and the digits before it, or nothing where that is within the bounds.
    int32_t fraction(const Edge* low, const Edge* high, int64_t places) {
        const bool whole_fits = (!low || (low->ends_at(0) && !low->strict && !low->cut)) && (!high || !high->ends_at(0) || !high->strict);
        const int32_t after = e_.concat(point, places_from(low, high, places));
        return whole_fits ? maybe(after) : after;
    }

  private:
    Expressions& e_;

  public:
    const int32_t digit, nonzero, zero, point, minus, digits, zeros, some, zero_fraction, any_fraction, magnitude, letter;

  private:
    static constexpr int64_t kUnbounded = INT64_MAX;

    // Whole numbers of `least` to `most` digits (-1: any number of them).
    int32_t longer(int64_t least, int64_t most, int32_t tail) {
        if ((most >= 0 && most < least) || least > kManyBytes) return Expressions::kEmpty;
        const int64_t more = most < 0 || most > kManyBytes ? -1 : most - 1;
        return e_.concat(nonzero, e_.concat(e_.repeat(digit, static_cast<int32_t>(least - 1), static_cast<int32_t>(more)), tail));
    }

    int32_t run(int low, int high, size_t more, int32_t tail) {
        if (low > high) return Expressions::kEmpty;
        const int32_t n = static_cast<int32_t>(more);
        return e_.concat(set(static_cast<char>(low), static_cast<char>(high)), e_.concat(e_.repeat(digit, n, n), tail));
    }

    int32_t text(const std::string& word, int32_t tail) {
        return e_.concat(e_.literal(reinterpret_cast<const uint8_t*>(word.data()), word.size()), tail);
    }

    // At least `low`, with at most `most` digits (-1: any number).
    template <class Tail>
    int32_t from(const Edge& low, int64_t most, Tail tail) {
        const int64_t size = static_cast<int64_t>(low.whole.size());
        return e_.either({down_to(low.whole, 0, tail), longer(size + 1, most, tail(false, false))});
    }

    // Digits as many as those of `a` from `at` on, and not less.
    template <class Tail>
    int32_t down_to(const std::string& a, size_t at, Tail tail) {
        int32_t result = tail(true, false);
        const int32_t free = tail(false, false);
        for (size_t i = a.size(); i-- > at;) {
            int32_t same = 1;
            for (; a[i] == '9' && i > at && a[i - 1] == '9'; --i) ++same;
            result = e_.concat(e_.repeat(set(a[i], a[i]), same, same), result);
            if (a[i] != '9') result = e_.either({result, run(a[i] + 1, '9', a.size() - i - 1, free)});
        }
        return result;
    }

    // Digits as many as those of `b` from `at` on, and not more; the first of several is not zero.
    template <class Tail>
    int32_t up_to(const std::string& b, size_t at, Tail tail) {
        int32_t result = tail(false, true);
        const int32_t free = tail(false, false);
        for (size_t i = b.size(); i-- > at;) {
            int32_t same = 1;
            for (; b[i] == '0' && i > at && b[i - 1] == '0'; --i) ++same;
            result = e_.concat(e_.repeat(set(b[i], b[i]), same, same), result);
            const int least = i == 0 && b.size() > 1 ? '1' : '0';
            if (b[i] > least) result = e_.either({result, run(least, b[i] - 1, b.size() - i - 1, free)});
        }
        return result;
    }

    int32_t counts(int64_t low, int64_t high) {
        Edge a, b;
        a.whole = std::to_string(low);
        b.whole = std::to_string(high);
        return e_.concat(zeros, whole(a, high == kUnbounded ? nullptr : &b, [](bool, bool) { return Expressions::kEpsilon; }));
    }

    // Digits after `known` free ones: any, or as many as there are places, then zeros.
    int32_t rest(size_t known, int64_t places) {
        if (places < 0) return digits;
        const int64_t more = std::max<int64_t>(0, places - static_cast<int64_t>(known));
        return e_.concat(e_.repeat(digit, 0, static_cast<int32_t>(more)), zeros);
    }

    int32_t free_places(int64_t places) {
        if (places < 0) return some;
        if (places == 0) return e_.repeat(zero, 1, -1);
        return e_.concat(e_.repeat(digit, 1, static_cast<int32_t>(places)), zeros);
    }

    // At least one digit after the point, compared from the last digit of the bounds to the first.
    int32_t places_from(const Edge* low, const Edge* high, int64_t places) {
        if (!low && !high) return free_places(places);
        const size_t n = std::max(low ? low->fraction.size() : 0, high ? high->fraction.size() : 0);
        const int32_t some_zeros = n ? zeros : e_.repeat(zero, 1, -1);
        int32_t above = Expressions::kEmpty, below = Expressions::kEmpty, both = Expressions::kEmpty;   // agrees so far with low, high, both
        if (low && !low->cut) {
            above = n ? rest(n, places) : free_places(places);
            if (low->strict) above = e_.concat(zeros, e_.concat(nonzero, digits));
        }
        if (high && !high->strict) below = some_zeros;
        if (low && high && !low->cut && !low->strict && !high->strict) both = some_zeros;
        for (size_t i = n; i-- > 0;) {
            const int32_t after = rest(i + 1, places);
            const char a = low ? low->place(i) : '0', b = high ? high->place(i) : '9';
            const bool low_ends = low && low->ends_at(i) && !low->strict && !low->cut, high_ends = high && (!high->ends_at(i) || !high->strict);
            if (low && high) {
                both = a == b  ? step(a, both)
                       : a > b ? Expressions::kEmpty
                               : e_.either({step(a, above), run(a + 1, b - 1, 0, after), step(b, below)});
                if (i && low_ends && high_ends) both = e_.either({both, Expressions::kEpsilon});
            }
            if (low) above = e_.either({step(a, above), run(a + 1, '9', 0, after), i && low_ends ? Expressions::kEpsilon : Expressions::kEmpty});
            if (high) below = e_.either({step(b, below), run('0', b - 1, 0, after), i && high_ends ? Expressions::kEpsilon : Expressions::kEmpty});
        }
        return low && high ? both : low ? above : below;
    }

    int32_t step(char digit_, int32_t next) { return e_.concat(set(digit_, digit_), next); }
};

}  // namespace guidedgen
