// What numbers are multiples of: steps of the form modulus * 10^-scale, combined and tested exactly.
#pragma once

#include <numeric>
#include <optional>

#include "decimals.h"

namespace guidedgen {

// The multiples of odd * 2^two * 5^five, where odd has no factor 2 or 5. In units of 10^-scale they are the multiples of
// `modulus`, at most kGreatest so that a remainder and one more digit fit 64 bits.
class Step {
  public:
    static constexpr uint64_t kGreatest = 1'000'000'000'000'000'000ull;

    // Raises SchemaError (without a place) for more than 18 digits.
    static Step of(const Decimal& value) {
        if (value.zero() || value.negative) throw SchemaError(SchemaError::Kind::Malformed, "multipleOf must be greater than 0", "", "multipleOf");
        if (value.digits.size() > 18 || value.exponent > kFarthest || value.exponent < -kFarthest) throw too_long();
        uint64_t odd = std::stoull(value.digits);
        int64_t two = value.exponent, five = value.exponent;
        for (; odd % 2 == 0; odd /= 2) ++two;
        for (; odd % 5 == 0; odd /= 5) ++five;
        return Step(odd, two, five);
    }
    static Step one() { return Step(1, 0, 0); }

    // Multiples of both.
    Step meet(const Step& other) const {
        const unsigned __int128 odd = static_cast<unsigned __int128>(odd_) / std::gcd(odd_, other.odd_) * other.odd_;
        if (odd > kGreatest) throw too_long();
        return Step(static_cast<uint64_t>(odd), std::max(two_, other.two_), std::max(five_, other.five_));
    }

    // Whether all multiples of another step are multiples of this one.
    bool covers(const Step& other) const { return other.odd_ % odd_ == 0 && other.two_ >= two_ && other.five_ >= five_; }

    uint64_t modulus() const { return modulus_; }
    uint64_t odd() const { return odd_; }
    int64_t scale() const { return scale_; }
    bool whole() const { return two_ >= 0 && five_ >= 0; }

    bool divides(const Decimal& value) const {
        if (value.zero()) return true;
        const int64_t power = value.exponent + scale_;
        if (power < 0) return false;
        const unsigned __int128 r = decimals::remainder(value.digits, modulus_);
        return r * power_of_ten(power, modulus_) % modulus_ == 0;
    }

    // The smallest multiple that is at least (strict: above) |value|, in units of 10^-scale.
    std::string first_from(const Decimal& value, bool strict) const {
        auto [whole, exact] = decimals::scaled(value, scale_);
        const uint64_t r = decimals::remainder(whole, modulus_);
        if (r == 0 && exact && !strict) return whole;
        return decimals::add(whole, modulus_ - r);
    }

    // The greatest multiple that is at most (strict: below) |value|, if there is one that is not negative.
    std::optional<std::string> last_to(const Decimal& value, bool strict) const {
        auto [whole, exact] = decimals::scaled(value, scale_);
        uint64_t r = decimals::remainder(whole, modulus_);
        if (r == 0 && exact && strict) r = modulus_;
        const std::string less = std::to_string(r);
        if (decimals::compare_whole(whole, less) < 0) return std::nullopt;
        return decimals::subtract(whole, less);
    }

    // The greatest common divisor of `modulus` and 10^power.
    static uint64_t common_with_ten(uint64_t modulus, int64_t power) {
        uint64_t common = 1;
        for (uint64_t prime : {uint64_t{2}, uint64_t{5}})
            for (int64_t i = 0; i < power && modulus % prime == 0; ++i) {
                modulus /= prime;
                common *= prime;
            }
        return common;
    }

    static uint64_t power_of_ten(int64_t power, uint64_t modulus) {
        unsigned __int128 result = 1 % modulus, base = 10 % modulus;
        for (; power > 0; power >>= 1) {
            if (power & 1) result = result * base % modulus;
            base = base * base % modulus;
        }
        return static_cast<uint64_t>(result);
    }

  private:
    static constexpr int64_t kFarthest = 5'000;   // decimal places or zeros

    Step(uint64_t odd, int64_t two, int64_t five) : odd_(odd), two_(two), five_(five) {
        scale_ = -std::min(two, five);
        modulus_ = scaled_modulus(scale_);
        // Powers of ten are best recognised by the zeros at the end; others, by the remainder of all digits where that fits.
        if (scale_ >= 0 || modulus_ == 1) return;
        unsigned __int128 whole = modulus_;
        for (int64_t i = scale_; i < 0 && whole <= kGreatest; ++i) whole *= 10;
        if (whole > kGreatest) return;
        modulus_ = static_cast<uint64_t>(whole);
        scale_ = 0;
    }

    uint64_t scaled_modulus(int64_t scale) const {
        unsigned __int128 result = odd_;
        for (int64_t i = 0; i < two_ + scale && result <= kGreatest; ++i) result *= 2;
        for (int64_t i = 0; i < five_ + scale && result <= kGreatest; ++i) result *= 5;
        if (result > kGreatest) throw too_long();
        return static_cast<uint64_t>(result);
    }

    static SchemaError too_long() {
        return SchemaError(SchemaError::Kind::Unsupported, "numbers of this step need remainders of more than 18 digits", "", "multipleOf",
                           "Use a step of fewer digits.");
    }

    uint64_t odd_, modulus_ = 1;
    int64_t two_, five_, scale_ = 0;
};

}  // namespace guidedgen
