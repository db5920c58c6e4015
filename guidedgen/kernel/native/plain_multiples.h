// Numerals without a sign and an exponent that are multiples of a step within bounds, or that are no multiples.
//
// A state is what was read modulo the step, how it compares with the bounds, and where the point is. Whether digits can
// still complete it is decided by arithmetic: a multiple among `n` digits after a remainder is one subtraction away.
#pragma once

#include <optional>

#include "digit_ranges.h"
#include "lazy_states.h"
#include "number_steps.h"

namespace guidedgen {

using Wide = unsigned __int128;

constexpr Wide kWidest = Wide{1} << 100;   // widths of digit strings are exact below

// Suffixes of a bound in units of the last decimal place.
class BoundDigits {
  public:
    BoundDigits() = default;
    BoundDigits(std::string digits, uint64_t modulus) : text(std::move(digits)) {
        const size_t n = text.size();
        remainders.assign(n + 1, 0);
        below.assign(n + 1, 0);
        above.assign(n + 1, 0);
        Wide unit = 1;
        uint64_t power = 1 % modulus;
        for (size_t i = n; i-- > 0;) {
            const unsigned digit = static_cast<unsigned>(text[i] - '0');
            remainders[i] = static_cast<uint64_t>((Wide{power} * digit + remainders[i + 1]) % modulus);
            below[i] = std::min(kWidest, below[i + 1] + unit * digit);
            above[i] = std::min(kWidest, above[i + 1] + unit * (9 - digit));
            unit = std::min(kWidest, unit * 10);
            power = static_cast<uint64_t>(Wide{power} * 10 % modulus);
        }
    }

    std::string text;
    std::vector<uint64_t> remainders;   // the suffix from a place on, modulo the step
    std::vector<Wide> below, above;     // how many digit strings of that length are less, greater
};

class PlainMultiples : public Derivation {
  public:
    // Values from `low` to `high`, multiples themselves, in units of 10^-places. Without places there is no point at all.
    // `tail` follows them; it may be empty and starts with no digit, nor with a point where there are places.
    PlainMultiples(Expressions& expressions, int32_t self, uint64_t modulus, int64_t places, const std::string& low,
                   const std::optional<std::string>& high, int32_t tail)
        : e_(expressions), ranges_(expressions), states_(expressions), self_(self), tail_(tail), modulus_(modulus), places_(places),
          low_(padded(low, places), modulus), bounded_(high.has_value()) {
        if (bounded_) {
            high_ = BoundDigits(padded(*high, places), modulus);
            const std::string width = decimals::subtract(*high, low);
            between_ = width.size() > 30 ? kWidest : number(width);
        }
        low_wholes_ = static_cast<int32_t>(low_.text.size()) - static_cast<int32_t>(places);
        high_wholes_ = static_cast<int32_t>(high_.text.size()) - static_cast<int32_t>(places);
        const size_t most = std::max(low_.text.size(), high_.text.size()) + kFree + 1;
        powers_.push_back(1 % modulus);
        while (powers_.size() <= most) powers_.push_back(static_cast<uint64_t>(Wide{powers_.back()} * 10 % modulus));
        for (int64_t q = 0; q <= places; ++q) moduli_.push_back(modulus / Step::common_with_ten(modulus, places - q));
        widths_.push_back(0);   // digit strings of a length, less one
        while (widths_.size() <= kFree + 1) widths_.push_back(widths_.back() * 10 + 9);
        e_.hold(most * 64);
    }

    int32_t start() override { return target({}); }
    bool accepts(int32_t id) const override { return accepting(states_[id]); }
    int32_t nearest(int32_t id) const override { return accepts(id) ? 0 : std::max(1, bytes_needed(states_[id])); }

    Partition derive(int32_t id) override {
        const State s = states_[id];
        Moves moves;
        for (int d = 0; d < 10; ++d) moves.add(static_cast<uint8_t>('0' + d), s.point ? after_point(s, d) : before_point(s, d));
        if (!s.point && s.count > 0 && places_ > 0) moves.add('.', cross_point(s));
        Partition parts = moves.done();
        if (tail_ == Expressions::kEpsilon || !accepting(s)) return parts;
        Partition after = e_.derive(tail_);
        parts.insert(parts.end(), after.begin(), after.end());
        return parts;
    }

  private:
    struct State {
        uint64_t remainder = 0;
        int32_t count = 0;                  // digits before the point, or after it
        int8_t to_low = 0, to_high = 0;     // comparison with as many digits of the bounds
        bool point = false, zero = false;   // zero: a leading zero, which ends the digits before the point
        bool operator==(const State& o) const {
            return remainder == o.remainder && count == o.count && to_low == o.to_low && to_high == o.to_high && point == o.point && zero == o.zero;
        }
        uint64_t hash() const {
            return mix(mix(remainder, static_cast<uint32_t>(count)), static_cast<uint64_t>((to_low + 1) | (to_high + 1) << 2 | point << 4 | zero << 5));
        }
    };

    static constexpr int32_t kFree = 20;   // among so many free digits every remainder is found

    static std::string padded(const std::string& digits, int64_t places) {
        const size_t least = static_cast<size_t>(places) + 1;
        return digits.size() < least ? std::string(least - digits.size(), '0') + digits : digits;
    }
    static Wide number(const std::string& digits) {
        Wide result = 0;
        for (char c : digits) result = result * 10 + static_cast<unsigned>(c - '0');
        return result;
    }
    // Whether some `n` digits after a remainder make a multiple, not below the rest of `low` nor above that of `high`.
    bool reachable(uint64_t remainder, int64_t n, bool at_low, bool at_high, size_t in_low, size_t in_high) const {
        const uint64_t rest = static_cast<uint64_t>(Wide{remainder} * powers_[static_cast<size_t>(n)] % modulus_);
        const uint64_t wanted = rest ? modulus_ - rest : 0, least = at_low ? low_.remainders[in_low] : 0;
        const uint64_t gap = wanted >= least ? wanted - least : wanted + (modulus_ - least);
        Wide width = widths_[static_cast<size_t>(std::min<int64_t>(n, kFree + 1))];
        if (at_low && at_high) width = between_;
        else if (at_low) width = low_.above[in_low];
        else if (at_high) width = high_.below[in_high];
        return gap <= width;
    }

    // The fewest further digits before the point that lead to a multiple; -1: none do.
    int32_t digits_needed(const State& s) const {
        if (s.point) {
            const int64_t n = places_ - s.count;
            const size_t l = static_cast<size_t>(low_wholes_ + s.count), h = static_cast<size_t>(high_wholes_ + s.count);
            return reachable(s.remainder, n, s.to_low == 0, bounded_ && s.to_high == 0, l, h) ? 0 : -1;
        }
        if (s.zero) return completes(s, 0) ? 0 : -1;
        const int32_t first = std::max({0, low_wholes_ - s.count, 1 - s.count});
        const int32_t last = bounded_ ? std::min(high_wholes_ - s.count, first + kFree) : first + kFree;
        for (int32_t j = first; j <= last; ++j)
            if (completes(s, j)) return j;
        return -1;
    }

    // The bytes to the next multiple, whose decimal places may be beyond the bounds.
    int32_t bytes_needed(const State& s) const {
        int32_t best = kManyBytes;
        const int32_t known = s.point ? s.count : 0, point = s.point ? 0 : 1;
        const int32_t first = std::max(0, digits_needed(s)), last = s.point ? 0 : first + kFree;
        for (int32_t j = first; j <= last && j < best; ++j) {
            if (!s.point && !completes(s, j)) continue;
            for (int32_t n = 0; n <= places_ - known && j + n + point * (n > 0) < best; ++n) {
                const size_t free = static_cast<size_t>(std::min(j + n, kFree + 1));
                const uint64_t modulus = moduli_[static_cast<size_t>(known + n)];
                const uint64_t rest = static_cast<uint64_t>(Wide{s.remainder} * powers_[static_cast<size_t>(j + n)] % modulus);
                if ((rest ? modulus - rest : 0) <= widths_[free]) best = j + n + point * (n > 0);
            }
        }
        return best;
    }

    // Whether `more` digits before the point, and any after it, can lead to a multiple within the bounds.
    bool completes(const State& s, int32_t more) const {
        const int32_t length = s.count + more;
        const bool last_low = length == low_wholes_, last_high = bounded_ && length == high_wholes_;
        if (length < low_wholes_ || (bounded_ && length > high_wholes_)) return false;
        if ((last_low && s.to_low < 0) || (last_high && s.to_high > 0)) return false;
        const size_t at = static_cast<size_t>(s.count);
        return reachable(s.remainder, more + places_, last_low && s.to_low == 0, last_high && s.to_high == 0, at, at);
    }

    bool accepting(const State& s) const {
        if (s.count == 0) return false;
        const int64_t n = s.point ? places_ - s.count : places_;
        if (Wide{s.remainder} * powers_[static_cast<size_t>(n)] % modulus_ != 0) return false;
        if (!s.point && (s.count < low_wholes_ || (bounded_ && s.count > high_wholes_))) return false;
        const bool last_low = s.point || s.count == low_wholes_, last_high = bounded_ && (s.point || s.count == high_wholes_);
        if ((last_low && s.to_low < 0) || (last_high && s.to_high > 0)) return false;
        const size_t at = static_cast<size_t>(s.point ? low_wholes_ + s.count : s.count);
        return !(last_low && s.to_low == 0 && low_.below[at] != 0);
    }

    int32_t target(const State& s) {
        if (digits_needed(s) < 0) return Expressions::kEmpty;
        return e_.lazy(self_, states_.intern(s));
    }

    // Only what can still matter is kept of a remainder.
    uint64_t reduced(uint64_t remainder, const State& s) const {
        if (s.point || places_ > 0) return remainder % moduli_[s.point ? static_cast<size_t>(s.count) : 0];
        const uint64_t later = modulus_ / Step::common_with_ten(modulus_, 1);
        return remainder == 0 ? 0 : remainder % later ? remainder % later : later;
    }

    static int8_t compared(int8_t so_far, const std::string& bound, size_t at, int digit) {
        if (so_far) return so_far;
        const int other = bound[at] - '0';
        return static_cast<int8_t>((digit > other) - (digit < other));
    }

    int32_t before_point(const State& s, int digit) {
        if (s.zero || (bounded_ && s.count >= high_wholes_)) return Expressions::kEmpty;
        State next = s;
        next.zero = s.count == 0 && digit == 0;
        const size_t at = static_cast<size_t>(s.count);
        next.to_low = s.count < low_wholes_ ? compared(s.to_low, low_.text, at, digit) : static_cast<int8_t>(1);
        if (bounded_) next.to_high = compared(s.to_high, high_.text, at, digit);
        next.count = bounded_ ? s.count + 1 : std::min(s.count + 1, low_wholes_ + 1);
        next.remainder = reduced(static_cast<uint64_t>((Wide{s.remainder} * 10 + static_cast<unsigned>(digit)) % modulus_), next);
        return target(next);
    }

    int32_t cross_point(const State& s) {
        if (!completes(s, 0)) return Expressions::kEmpty;
        State next;
        next.point = true;
        next.to_low = s.count == low_wholes_ ? s.to_low : static_cast<int8_t>(1);
        next.to_high = bounded_ && s.count == high_wholes_ ? s.to_high : static_cast<int8_t>(-1);
        next.remainder = s.remainder % moduli_[0];
        return target(next);
    }

    int32_t after_point(const State& s, int digit) {
        State next = s;
        next.count = s.count + 1;
        if (s.to_low == 0) next.to_low = compared(0, low_.text, static_cast<size_t>(low_wholes_ + s.count), digit);
        if (s.to_high == 0) next.to_high = compared(0, high_.text, static_cast<size_t>(high_wholes_ + s.count), digit);
        if (next.to_low < 0 || next.to_high > 0) return Expressions::kEmpty;
        next.remainder = reduced(static_cast<uint64_t>((Wide{s.remainder} * 10 + static_cast<unsigned>(digit)) % modulus_), next);
        if (next.count < places_) return target(next);
        return digits_needed(next) < 0 ? Expressions::kEmpty : e_.concat(ranges_.zeros, tail_);
    }

    Expressions& e_;
    DigitRanges ranges_;
    States<State> states_;
    int32_t self_, tail_;
    uint64_t modulus_;
    int64_t places_;
    BoundDigits low_, high_;
    bool bounded_;
    Wide between_ = 0;                       // high - low
    int32_t low_wholes_ = 0, high_wholes_ = 0;   // digits of the bounds before the point
    std::vector<uint64_t> powers_;           // of ten, modulo the step
    std::vector<Wide> widths_;
    std::vector<uint64_t> moduli_;           // of what can matter after so many decimal places
};

// Numerals that are no multiple: a remainder stays, or a digit follows that is finer than the step. Places below zero: none
// with a point.
class PlainOthers : public Derivation {
  public:
    PlainOthers(Expressions& expressions, int32_t self, uint64_t modulus, int64_t places)
        : e_(expressions), ranges_(expressions), states_(expressions), self_(self), modulus_(modulus), places_(places) {}

    int32_t start() override { return target({}); }
    bool accepts(int32_t id) const override {
        const State& s = states_[id];
        const int64_t left = s.point ? places_ - s.count : places_;
        return s.count > 0 && Wide{s.remainder} * Step::power_of_ten(left, modulus_) % modulus_ != 0;
    }
    int32_t nearest(int32_t id) const override { return accepts(id) ? 0 : 1; }

    Partition derive(int32_t id) override {
        const State s = states_[id];
        Moves moves;
        for (int d = places_ < 0 && s.count == 0 ? 1 : 0; d < 10 && !s.zero; ++d) moves.add(static_cast<uint8_t>('0' + d), after(s, d));
        if (!s.point && s.count > 0 && places_ >= 0) moves.add('.', places_ > 0 ? target({s.remainder, 0, true, false}) : finer(s.remainder, true));
        return moves.done();
    }

  private:
    struct State {
        uint64_t remainder = 0;
        int32_t count = 0;   // before the point: whether there are any digits; after it: how many
        bool point = false, zero = false;
        bool operator==(const State& o) const { return remainder == o.remainder && count == o.count && point == o.point && zero == o.zero; }
        uint64_t hash() const { return mix(mix(remainder, static_cast<uint32_t>(count)), static_cast<uint64_t>(point << 1 | zero)); }
    };

    int32_t target(const State& s) { return e_.lazy(self_, states_.intern(s)); }

    // After the last place of the step.
    int32_t finer(uint64_t remainder, bool first) {
        if (remainder) return first ? ranges_.some : ranges_.digits;
        return e_.concat(ranges_.zeros, e_.concat(ranges_.nonzero, ranges_.digits));
    }

    int32_t after(const State& s, int digit) {
        const uint64_t remainder = static_cast<uint64_t>((Wide{s.remainder} * 10 + static_cast<unsigned>(digit)) % modulus_);
        if (!s.point) return target({remainder % (modulus_ / Step::common_with_ten(modulus_, places_)), 1, false, s.count == 0 && digit == 0});
        return s.count + 1 < places_ ? target({remainder, s.count + 1, true, false}) : finer(remainder, false);
    }

    Expressions& e_;
    DigitRanges ranges_;
    States<State> states_;
    int32_t self_;
    uint64_t modulus_;
    int64_t places_;
};

}  // namespace guidedgen
