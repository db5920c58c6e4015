// The languages of JSON numerals: of a conjunction of number keywords, of its negation, and of single values.
//
// Taken are plain decimals exactly, and the scientific form that serialisers write (one digit that is not zero before the
// point, any exponent digits); other spellings of the same values where a bound cannot be missed by them. Each language holds
// only numerals whose exact value belongs to it. Bounds are plain expressions; only remainders and the exponents of integers
// need derivations of their own, none of which has a dead state.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "plain_multiples.h"
#include "scientific_multiples.h"

namespace guidedgen {

class Numbers {
  public:
    // What holds of a number, all of it at once. `fraction`: it is no integer.
    // `digits_only`: the integers of draft 4, numerals without a point and an exponent; `fraction` is all the others then.
    // `one_zero`: with `digits_only`, zero has no sign.
    struct Spec {
        bool integer = false, fraction = false, digits_only = false, one_zero = false;
        std::optional<Decimal> low, high;
        bool low_strict = false, high_strict = false;
        std::vector<Decimal> multiples;
    };

    explicit Numbers(Expressions& expressions) : e_(expressions), r_(expressions) {
        exponent_ = r_.exponents(std::nullopt, std::nullopt);
        zero_ = r_.maybe_minus(e_.concat(r_.zero, e_.concat(r_.maybe(r_.zero_fraction), r_.maybe(exponent_))));
    }

    // All numerals of RFC 8259, 6.
    int32_t any() { return r_.maybe_minus(e_.concat(r_.magnitude, e_.concat(r_.maybe(r_.any_fraction), r_.maybe(exponent_)))); }

    // The numerals that satisfy `spec`; kEmpty if no number does. Raises SchemaError (without a place) for steps of too many digits.
    int32_t language(const Spec& spec) {
        const std::string name = name_of(spec);
        auto found = known_.find(name);
        if (found != known_.end()) return found->second;
        const int32_t made = make(spec);
        known_.emplace(name, made);
        return made;
    }

    // Numerals whose exponents, if they have one, have at most two digits: no double is infinite by its exponent.
    int32_t short_exponents() {
        const int32_t exponent = e_.concat(r_.letter, e_.concat(r_.maybe(e_.either({r_.minus, r_.sign('+')})), e_.repeat(r_.digit, 1, 2)));
        return r_.maybe_minus(e_.concat(r_.magnitude, e_.concat(r_.maybe(r_.any_fraction), r_.maybe(exponent))));
    }

    // What has no more than so many digits.
    int32_t at_most(int64_t digits) {
        const int32_t signs = e_.repeat(e_.either({r_.minus, r_.sign('+'), r_.point, r_.letter}), 0, -1);
        return e_.concat(e_.repeat(e_.concat(signs, r_.digit), 0, static_cast<int32_t>(std::min<int64_t>(digits, INT32_MAX))), signs);
    }

    // The shortest numeral of a value that needs no exponent.
    int32_t plainly(const Decimal& value) {
        const std::string digits = decimals::plain(value);
        return e_.literal(reinterpret_cast<const uint8_t*>(digits.data()), digits.size());
    }

    int32_t holds(const Spec& spec) { return language(spec); }

    // Numerals that certainly do not satisfy `spec`; kEmpty if every number does.
    int32_t fails(const Spec& spec) {
        std::vector<int32_t> options{Expressions::kEmpty};
        if (spec.low) options.push_back(language(below(*spec.low, !spec.low_strict)));
        if (spec.high) options.push_back(language(above(*spec.high, !spec.high_strict)));
        for (const Decimal& multiple : spec.multiples) options.push_back(others(Step::of(multiple)));
        if (spec.integer) options.push_back(spec.digits_only ? spelled() : others(Step::one()));
        if (spec.fraction) {
            Spec integers;
            integers.integer = true;
            integers.digits_only = spec.digits_only;
            options.push_back(language(integers));
        }
        return e_.either(std::move(options));
    }

    // What is in all of some languages. Multiples that exclude one another are known without a search through remainders.
    int32_t both(std::vector<int32_t> parts) {
        for (int32_t some : parts)
            for (int32_t none : parts)
                if (auto with = multiples_.find(some), without = others_.find(none);
                    with != multiples_.end() && without != others_.end() && without->second.covers(with->second))
                    return Expressions::kEmpty;
        if (parts.size() > 1) parts.erase(std::remove(parts.begin(), parts.end(), any()), parts.end());
        return parts.empty() ? any() : e_.both(std::move(parts));
    }

    int32_t equal(const Decimal& value) {
        Spec spec;
        spec.low = spec.high = value;
        const int32_t usual = language(spec);
        if (value.zero()) return usual;
        const std::string digits = (value.negative ? "-" : "") + value.digits;   // 12e3, as well
        const int32_t literal = e_.literal(reinterpret_cast<const uint8_t*>(digits.data()), digits.size());
        return e_.either({usual, e_.concat(literal, r_.exponents(value.exponent, value.exponent))});
    }

    int32_t differs(const Decimal& value) { return e_.either({language(below(value, true)), language(above(value, true))}); }

    bool check(const Spec& spec, const Decimal& value) const {
        if (spec.low && decimals::compare(value, *spec.low) < (spec.low_strict ? 1 : 0)) return false;
        if (spec.high && decimals::compare(value, *spec.high) > (spec.high_strict ? -1 : 0)) return false;
        for (const Decimal& multiple : spec.multiples)
            if (!Step::of(multiple).divides(value)) return false;
        const bool integer = Step::one().divides(value);
        return (!spec.integer || integer) && (!spec.fraction || !integer);
    }

  private:
    static constexpr uint64_t kGreatestSearched = 1'000;   // remainders that a search for completions may have to visit

    struct Limit {
        Decimal value;
        bool strict = false;
    };
    using MaybeLimit = std::optional<Limit>;

    static Spec below(const Decimal& value, bool strict) {
        Spec spec;
        spec.high = value;
        spec.high_strict = strict;
        return spec;
    }
    static Spec above(const Decimal& value, bool strict) {
        Spec spec;
        spec.low = value;
        spec.low_strict = strict;
        return spec;
    }

    static std::string name_of(const Spec& spec) {
        std::string name{static_cast<char>('0' + spec.integer + 2 * spec.fraction + 4 * spec.digits_only + 8 * spec.one_zero)};
        if (spec.low) name += (spec.low_strict ? ">" : "]") + canonical(*spec.low);
        if (spec.high) name += (spec.high_strict ? "<" : "[") + canonical(*spec.high);
        for (const Decimal& multiple : spec.multiples) name += "*" + canonical(multiple);
        return name;
    }

    int32_t make(const Spec& spec) {
        if (spec.low && spec.high) {
            const int order = decimals::compare(*spec.low, *spec.high);
            if (order > 0 || (order == 0 && (spec.low_strict || spec.high_strict))) return Expressions::kEmpty;
        }
        if (spec.integer && spec.fraction) return Expressions::kEmpty;
        std::optional<Step> step;
        if (spec.integer) step = Step::one();
        for (const Decimal& multiple : spec.multiples) step = step ? step->meet(Step::of(multiple)) : Step::of(multiple);
        if (spec.fraction) {
            const int32_t made = make_fractions(spec, step);
            if (!spec.digits_only) others_.emplace(made, Step::one());
            return made;
        }
        if (!step) return numbers(spec);
        const int32_t made = multiples(*step, spec, spec.integer && spec.digits_only);
        multiples_.emplace(made, *step);
        return made;
    }

    int32_t make_fractions(const Spec& spec, const std::optional<Step>& step) {
        const int32_t all = step ? multiples(*step, spec, false) : numbers(spec);
        if (all == Expressions::kEmpty) return all;
        if (spec.digits_only) return e_.both({all, spelled()});
        if (step && step->whole()) return Expressions::kEmpty;
        if (step && step->modulus() > kGreatestSearched) throw no_search();
        if (spec.low && spec.high && decimals::compare(*spec.low, *spec.high) == 0 && Step::one().divides(*spec.low)) return Expressions::kEmpty;
        if (!step && !spec.low && !spec.high) return others(Step::one());
        return e_.both({all, others(Step::one())});
    }

    static SchemaError no_search() {
        return SchemaError(SchemaError::Kind::Unsupported, "multiples of such a step that are no integers are not supported", "", "multipleOf",
                           "Write the values down with enum, or allow integers.");
    }

    // Numerals with a fraction or an exponent.
    int32_t spelled() {
        const int32_t fraction = e_.concat(r_.any_fraction, r_.maybe(exponent_));
        return r_.maybe_minus(e_.concat(r_.magnitude, e_.either({fraction, exponent_})));
    }

    // Calls `make(low, high)` for the magnitudes of positive and negative numbers; zero is added where it is within the bounds.
    template <class F>
    int32_t signs(const Spec& spec, int32_t zero, F make) {
        const MaybeLimit low = limit(spec.low, spec.low_strict), high = limit(spec.high, spec.high_strict);
        std::vector<int32_t> options{Expressions::kEmpty};
        const auto sign_of = [](const MaybeLimit& l) { return l->value.zero() ? 0 : l->value.negative ? -1 : 1; };
        if (!high || sign_of(high) > 0) options.push_back(make(low && sign_of(low) >= 0 ? *turned(low) : open_zero(), turned(high)));
        if (!low || sign_of(low) < 0) {
            const int32_t magnitudes = make(high && sign_of(high) <= 0 ? *turned(high) : open_zero(), turned(low));
            options.push_back(e_.concat(r_.minus, magnitudes));
        }
        const bool above = !low || sign_of(low) < 0 || (sign_of(low) == 0 && !low->strict);
        const bool below = !high || sign_of(high) > 0 || (sign_of(high) == 0 && !high->strict);
        if (above && below) options.push_back(zero);
        return e_.either(std::move(options));
    }

    static MaybeLimit limit(const std::optional<Decimal>& value, bool strict) {
        return value ? MaybeLimit(Limit{*value, strict}) : std::nullopt;
    }
    static MaybeLimit turned(const MaybeLimit& l) { return l ? MaybeLimit(Limit{l->value.magnitude(), l->strict}) : std::nullopt; }
    static Limit open_zero() { return {Decimal{}, true}; }

    int32_t numbers(const Spec& spec) {
        if (!spec.low && !spec.high) return any();
        return signs(spec, zero_, [this](Limit low, const MaybeLimit& high) {
            low.strict |= low.value.zero();   // zero has its own spellings
            return magnitudes(low, high);
        });
    }

    // Greater than zero, so a further exponent without a sign cannot fall below a lower bound, nor one below zero exceed the other.
    int32_t magnitudes(const Limit& low, const MaybeLimit& high) {
        const Edge least = Edge::of(low.value, low.strict), most = high ? Edge::of(high->value, high->strict) : Edge{};
        const int32_t plain = r_.plain(least, high ? &most : nullptr, DigitRanges::kNoPlaces);
        if (!high && low.value.zero()) return e_.concat(plain, r_.maybe(exponent_));
        std::vector<int32_t> options{plain};
        if (!high) options[0] = e_.concat(plain, r_.maybe(r_.exponents(0, std::nullopt)));
        if (low.value.zero()) options[0] = e_.concat(plain, r_.maybe(r_.exponents(std::nullopt, 0)));
        add_scientific(low, high, options);
        return e_.either(std::move(options));
    }

    void add_scientific(const Limit& low, const MaybeLimit& high, std::vector<int32_t>& options) {
        const bool from_zero = low.value.zero();
        const int64_t bottom = low.value.order() - 1, top = high ? high->value.order() - 1 : 0;
        const Edge one = Edge::of({false, "1", 0}, false);
        const Edge least = from_zero ? one : leading(low);
        const Edge most = high ? leading(*high) : Edge::of({false, "1", 1}, true), ten = Edge::of({false, "1", 1}, true);
        const auto mantissa = [&](const Edge& from, const Edge& to) { return r_.plain(from, &to, DigitRanges::kNoPlaces); };
        const auto add = [&](int32_t digits, std::optional<int64_t> from, std::optional<int64_t> to) {
            options.push_back(e_.concat(digits, r_.exponents(from, to)));
        };
        if (high && !from_zero && bottom == top) return add(mantissa(least, most), top, top);
        if (!from_zero) add(mantissa(least, ten), bottom, bottom);
        if (high) add(mantissa(one, most), top, top);
        const auto next = [&](int64_t n) { return std::optional<int64_t>(n); };
        add(mantissa(one, ten), from_zero ? std::nullopt : next(bottom + 1), high ? next(top - 1) : std::nullopt);
    }

    static Edge leading(const Limit& l) {
        return Edge::of({false, l.value.digits, 1 - static_cast<int64_t>(l.value.digits.size())}, l.strict);
    }

    int32_t multiples(const Step& step, const Spec& spec, bool digits_only) {
        const bool no_integers = spec.fraction && !spec.digits_only;
        const int32_t zero = no_integers ? Expressions::kEmpty : !digits_only ? zero_ : spec.one_zero ? r_.zero : r_.maybe_minus(r_.zero);
        return signs(spec, zero, [&](const Limit& low, const MaybeLimit& high) {
            if (low.value.order() + step.scale() > Edge::kLongest) throw too_far();
            const std::string least = step.first_from(low.value, low.strict || low.value.zero());
            std::optional<std::string> most;
            if (high) {
                const Decimal value = high->value.order() + step.scale() > Edge::kLongest ? Decimal{false, "1", Edge::kLongest - step.scale()} : high->value;
                most = step.last_to(value, high->strict);
                if (!most || decimals::compare_whole(*most, least) < 0) return Expressions::kEmpty;
                // Of two neighbours one is no integer, since their distance is none.
                const bool one = decimals::compare_whole(*most, decimals::add(least, step.modulus())) < 0;
                if (no_integers && one && Step::one().divides(decimals::normal(false, least, -step.scale()))) return Expressions::kEmpty;
            }
            return multiples(step, least, most, digits_only, low.value.zero());
        });
    }

    static SchemaError too_far() {
        return SchemaError(SchemaError::Kind::Unsupported, "multiples above a bound of more than 5000 digits are not supported", "", "minimum",
                           "Use a bound that numbers in practice can exceed.");
    }

    // Positive multiples from `least` to `most`, multiples themselves, in units of 10^-scale.
    int32_t multiples(const Step& step, const std::string& least, const std::optional<std::string>& most, bool digits_only, bool all) {
        int32_t tail = step.scale() > 0 ? Expressions::kEpsilon : r_.maybe(r_.zero_fraction);
        if (!most) tail = e_.concat(tail, r_.maybe(r_.exponents(0, std::nullopt)));
        if (digits_only) tail = Expressions::kEpsilon;
        const int32_t plain = plain_multiples(step, least, most, tail);
        if (digits_only) return plain;
        Scientific::Bounds bounds;
        if (!all) bounds.low = decimals::normal(false, least, -step.scale());
        if (most) bounds.high = decimals::normal(false, *most, -step.scale());
        const std::string name = "scientific " + name_of(step) + (bounds.low ? canonical(*bounds.low) : "") + " to " + (most ? canonical(*bounds.high) : "");
        return e_.either({plain, start<Scientific>(name, step, bounds)});
    }

    int32_t plain_multiples(const Step& step, const std::string& least, const std::optional<std::string>& most, int32_t tail) {
        const int64_t places = std::max<int64_t>(0, step.scale());
        const int32_t tens = static_cast<int32_t>(std::max<int64_t>(0, -step.scale()));
        const int32_t rest = tens ? e_.concat(e_.repeat(r_.zero, tens, tens), tail) : tail;
        if (step.modulus() == 1) {
            const Edge low = Edge::of(decimals::normal(false, least, -places), false);
            const Edge high = most ? Edge::of(decimals::normal(false, *most, -places), false) : Edge{};
            if (places > 0) return e_.concat(r_.plain(low, most ? &high : nullptr, places), rest);
            return r_.whole(low, most ? &high : nullptr, [rest](bool, bool) { return rest; });
        }
        const int32_t inner = tens ? Expressions::kEpsilon : rest;
        const std::string name = "plain " + name_of(step) + least + " to " + most.value_or("") + " then " + std::to_string(inner);
        const int32_t digits = start<PlainMultiples>(name, step.modulus(), places, least, most, inner);
        return tens ? e_.concat(digits, rest) : digits;
    }

    // The numerals that are no multiples.
    int32_t others(const Step& step) {
        int32_t plain;
        if (step.scale() < 0) {   // zeros are missing before the point, or there is a fraction, or the rest is no multiple
            plain = other_tens(step);
        } else if (step.modulus() == 1) {
            const int32_t places = static_cast<int32_t>(step.scale());
            const int32_t finer = e_.concat(r_.zeros, e_.concat(r_.nonzero, r_.digits));
            plain = e_.concat(r_.magnitude, e_.concat(r_.point, e_.concat(e_.repeat(r_.digit, places, places), finer)));
        } else {
            plain = start<PlainOthers>("plain no " + name_of(step), step.modulus(), step.scale());
        }
        Scientific::Bounds bounds;
        bounds.others = true;
        const int32_t made = r_.maybe_minus(e_.either({plain, start<Scientific>("scientific no " + name_of(step), step, bounds)}));
        others_.emplace(made, step);
        return made;
    }

    // Whole numbers with a digit that is not zero among the last ones, and all that is no whole number.
    int32_t other_tens(const Step& step) {
        const int32_t tens = static_cast<int32_t>(-step.scale());
        const int32_t last = e_.concat(r_.nonzero, e_.repeat(r_.zero, 0, tens - 1));   // ends with too few zeros
        const int32_t whole = e_.either({last, e_.concat(r_.nonzero, e_.concat(r_.digits, last))});
        const int32_t finer = e_.concat(r_.magnitude, e_.concat(r_.point, e_.concat(r_.zeros, e_.concat(r_.nonzero, r_.digits))));
        std::vector<int32_t> options{e_.concat(whole, r_.maybe(r_.zero_fraction)), finer};
        if (step.modulus() > 1) {
            const int32_t rest = start<PlainOthers>("whole no " + std::to_string(step.modulus()), step.modulus(), int64_t{-1});
            options.push_back(e_.concat(rest, e_.concat(e_.repeat(r_.zero, tens, tens), r_.maybe(r_.zero_fraction))));
        }
        return e_.either(std::move(options));
    }

    static std::string name_of(const Step& step) { return std::to_string(step.modulus()) + "e" + std::to_string(-step.scale()) + " from "; }

    template <class Source, class... Arguments>
    int32_t start(const std::string& name, const Arguments&... arguments) {
        return e_.lazily(name, [&](int32_t self) { return std::make_unique<Source>(e_, self, arguments...); });
    }

    Expressions& e_;
    DigitRanges r_;
    int32_t exponent_, zero_;
    std::unordered_map<std::string, int32_t> known_;
    std::unordered_map<int32_t, Step> multiples_, others_;   // languages of nothing but multiples of a step, or of none
};

}  // namespace guidedgen
