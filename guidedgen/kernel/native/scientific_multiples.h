// Numerals d.ddde+n (one digit that is not zero before the point) that are multiples of a step within bounds, or none.
//
// The digits decide from which exponent on the value is a multiple: each exponent more only adds a factor of ten. A state
// is the digits' remainder, that exponent, and how the digits compare with those of the bounds.
#pragma once

#include <limits>
#include <optional>

#include "digit_ranges.h"
#include "lazy_states.h"
#include "number_steps.h"

namespace guidedgen {

class Scientific : public Derivation {
  public:
    struct Bounds {
        std::optional<Decimal> low, high;   // magnitudes that are multiples themselves, both allowed
        bool others = false;                // what is no multiple instead; without bounds
    };

    Scientific(Expressions& expressions, int32_t self, const Step& step, Bounds bounds)
        : e_(expressions), ranges_(expressions), states_(expressions), self_(self), modulus_(step.modulus()), odd_(step.odd()),
          scale_(step.scale()), bounds_(std::move(bounds)) {
        e_.hold(sizeof(Scientific) + 64);
    }

    int32_t start() override {
        bool any = false;
        for (int d = 1; d < 10 && !any; ++d) any = after_digit({}, d) != Expressions::kEmpty;
        return any ? target({}) : Expressions::kEmpty;
    }
    bool accepts(int32_t) const override { return false; }
    // A letter, a digit, and the digits before them that make a multiple with some exponent.
    int32_t nearest(int32_t id) const override {
        const State& s = states_[id];
        if (bounds_.others || s.phase == kStart || s.least != kNever) return 2;
        for (int32_t n = 1; n <= kMostPlaces - s.places; ++n)
            if (found(s.remainder, odd_, n, 0, power(n) - 1)) return 2 + n + (s.phase == kFirst);
        return 2;
    }

    Partition derive(int32_t id) override {
        const State s = states_[id];
        Moves moves;
        for (int d = s.phase == kStart ? 1 : 0; d < 10 && s.phase != kFirst; ++d) moves.add(static_cast<uint8_t>('0' + d), after_digit(s, d));
        if (s.phase == kFirst) moves.add('.', after_point(s));
        if (s.phase == kFirst || s.phase == kMore) {
            Partition letters = e_.derive(exponents(s));
            for (const auto& part : letters) part.first.each([&](uint8_t b) { moves.add(b, part.second); });
        }
        return moves.done();
    }

  private:
    enum Phase : int8_t { kStart, kFirst, kPoint, kMore };
    static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
    static constexpr int32_t kMostPlaces = 36;   // decimal places that are read; powers of ten fit 128 bits

    using Wide = unsigned __int128;

    struct State {
        uint64_t remainder = 0;   // of the digits as a whole number
        int64_t least = 0;        // exponents from here on make the value a multiple
        int32_t places = 0;
        int8_t to_low = 0, to_high = 0;
        Phase phase = kStart;
        bool operator==(const State& o) const {
            return remainder == o.remainder && least == o.least && places == o.places && to_low == o.to_low && to_high == o.to_high && phase == o.phase;
        }
        uint64_t hash() const {
            return mix(mix(remainder, static_cast<uint64_t>(least)), static_cast<uint64_t>(places << 8 | phase << 4 | (to_low + 1) << 2 | (to_high + 1)));
        }
    };

    int32_t target(const State& s) { return alive(s) ? e_.lazy(self_, states_.intern(s)) : Expressions::kEmpty; }

    int32_t after_point(const State& s) {
        State next = s;
        next.phase = kPoint;
        return target(next);
    }

    int32_t after_digit(const State& s, int digit) {
        State next = s;
        next.phase = s.phase == kStart ? kFirst : kMore;
        if (s.phase != kStart) ++next.places;
        if (next.places > kMostPlaces) return too_fine(s);
        next.remainder = static_cast<uint64_t>((Wide{s.remainder} * 10 + static_cast<unsigned>(digit)) % modulus_);
        if (digit != 0) next.least = least_exponent(next.remainder, next.places);
        const size_t at = static_cast<size_t>(next.places);
        if (bounds_.low) next.to_low = compared(s.to_low, bounds_.low->digits, at, digit);
        if (bounds_.high) next.to_high = compared(s.to_high, bounds_.high->digits, at, digit);
        return target(next);
    }

    // Digits that are not tracked any more: any of them make a value that is no multiple with small exponents.
    int32_t too_fine(const State& s) {
        if (!bounds_.others) return Expressions::kEmpty;
        return e_.concat(ranges_.digits, ranges_.exponents(std::nullopt, std::min<int64_t>(s.least, kMostPlaces + 1 - scale_) - 1));
    }

    static int8_t compared(int8_t so_far, const std::string& bound, size_t at, int digit) {
        if (so_far) return so_far;
        const int other = at < bound.size() ? bound[at] - '0' : 0;
        return static_cast<int8_t>((digit > other) - (digit < other));
    }

    // The smallest exponent for digits whose last one is not zero.
    int64_t least_exponent(uint64_t remainder, int32_t places) const {
        if (remainder % odd_ != 0) return kNever;
        int64_t least = places - scale_;
        for (; remainder != 0; ++least) remainder = static_cast<uint64_t>(Wide{remainder} * 10 % modulus_);
        return least;
    }

    int64_t low_order() const { return bounds_.low->order() - 1; }
    int64_t high_order() const { return bounds_.high->order() - 1; }

    // Exponents after the digits that were read; low > high: none.
    std::pair<std::optional<int64_t>, std::optional<int64_t>> interval(const State& s) const {
        std::optional<int64_t> low = s.least, high;
        if (bounds_.low) {
            const bool below = s.to_low < 0 || (s.to_low == 0 && static_cast<size_t>(s.places) + 1 < bounds_.low->digits.size());
            low = std::max(s.least, low_order() + below);
        }
        if (bounds_.high) high = high_order() - (s.to_high > 0);
        return {low, high};
    }

    int32_t exponents(const State& s) {
        if (bounds_.others) {
            if (s.least == kNever) return ranges_.exponents(std::nullopt, std::nullopt);
            return ranges_.exponents(std::nullopt, s.least - 1);
        }
        if (s.least == kNever) return Expressions::kEmpty;
        auto [low, high] = interval(s);
        return ranges_.exponents(low, high);
    }

    // Whether the exponent can follow, perhaps after a zero.
    bool ends_here(const State& s) const {
        if (s.least == kNever) return false;
        auto [low, high] = interval(s);
        return !high || *low <= *high;
    }

    bool alive(const State& s) const {
        if (bounds_.others || s.phase == kStart || ends_here(s)) return true;
        const int64_t free = kMostPlaces - s.places;
        if (!bounds_.high) return free > 0 && found(s.remainder, odd_, free, 0, power(free) - 1);
        const int64_t top = high_order();
        return (s.to_high <= 0 && completes(s, top)) || completes(s, top - 1);
    }

    // Whether more digits make a multiple at that exponent: as many as the step has room for, fewer being the same with zeros.
    bool completes(const State& s, int64_t exponent) const {
        const int64_t room = exponent + scale_ - s.places, more = std::min<int64_t>(room, kMostPlaces - s.places);
        if (more < 1) return false;
        Wide least = 0, most = power(more) - 1;
        if (bounds_.low && exponent <= low_order()) {
            if (exponent < low_order() || s.to_low < 0) return false;
            if (s.to_low == 0) least = digits_of(bounds_.low->digits, s.places + 1, more, true);
        }
        if (exponent == high_order() && s.to_high == 0) most = digits_of(bounds_.high->digits, s.places + 1, more, false);
        return found(s.remainder, modulus_ / Step::common_with_ten(modulus_, room - more), more, least, most);
    }

    // Whether some of the `n` digits from `least` to `most` after a remainder make a multiple of `modulus`.
    static bool found(uint64_t remainder, uint64_t modulus, int64_t n, Wide least, Wide most) {
        if (least > most) return false;
        const uint64_t rest = static_cast<uint64_t>(Wide{remainder % modulus} * Step::power_of_ten(n, modulus) % modulus);
        const uint64_t wanted = rest ? modulus - rest : 0, first = static_cast<uint64_t>(least % modulus);
        return (wanted >= first ? wanted - first : wanted + (modulus - first)) <= most - least;
    }

    static Wide power(int64_t n) {
        Wide result = 1;
        for (int64_t i = 0; i < n; ++i) result *= 10;
        return result;
    }

    // `n` digits from a place on, zeros behind the last; rounded up where more follow.
    static Wide digits_of(const std::string& digits, int64_t from, int64_t n, bool up) {
        Wide result = 0;
        for (int64_t i = from; i < from + n; ++i) {
            const bool written = i < static_cast<int64_t>(digits.size());
            result = result * 10 + (written ? static_cast<unsigned>(digits[static_cast<size_t>(i)] - '0') : 0u);
        }
        return result + (up && from + n < static_cast<int64_t>(digits.size()));
    }

    Expressions& e_;
    DigitRanges ranges_;
    States<State> states_;
    int32_t self_;
    uint64_t modulus_, odd_;
    int64_t scale_;
    Bounds bounds_;
};

}  // namespace guidedgen
