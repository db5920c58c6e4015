// What schemas say about strings and numbers: languages, worked out from formulas over schemas when they are asked for.
//
// What they say about values in general is json_truths.h.
#pragma once

#include "json_bounds.h"
#include "json_numbers.h"
#include "json_text.h"
#include "json_truths.h"
#include "lexer.h"

namespace guidedgen {

// The languages of strings and numbers in one lexer, with what was built of them: all schemas of a vocabulary share it.
struct JsonLanguages {
    explicit JsonLanguages(Expressions& e) : texts(e), numbers(e) {}
    Texts texts;
    Numbers numbers;
};

class Meaning : public Truths {
  public:
    Meaning(std::shared_ptr<SchemaTable> table, std::shared_ptr<Lexer> lexer, std::shared_ptr<JsonLanguages> languages, const JsonOptions& options)
        : Truths(std::move(table), lexer->expressions().work()), lexer_(std::move(lexer)), languages_(std::move(languages)),
          texts_(languages_->texts), numbers_(languages_->numbers), bounds_(*table_, formulas_, options), canonical_(options.canonical),
          every_spelling_(options.whitespace == 1) {}

    // Whether it is plain to see that some value satisfies a goal: most schemas allow a kind of value without saying more about
    // it, and then no language has to be built to know that. False: that has to be found out.
    bool plainly_some(int32_t f) const {
        const Formula& v = formulas_.at(f);
        if (v.op != FOp::Var || !lexer_->trie().spells_text || !lexer_->expressions().prints()) return false;
        const SchemaNode& n = table_->nodes[static_cast<size_t>(v.a)];
        if (n.always >= 0 || n.in_place) return n.always == 1;
        const bool any_string = (n.types & kString) && !n.string && (!n.has_values || lexer_->expressions().complete());   // a given one may need any byte
        const bool any_number = (n.types & kNumber) == kNumber && !n.number;
        if (n.has_values)
            return std::any_of(n.values.begin(), n.values.end(), [&](int32_t id) {
                const Kind kind = table_->values[static_cast<size_t>(id)].kind;
                return kind == Kind::String ? any_string : kind == Kind::Number ? any_number : kind == Kind::Null ? (n.types & kNull) != 0
                       : kind == Kind::True || kind == Kind::False ? (n.types & kBoolean) != 0 : false;
            });
        if (any_string || (n.types & (kNull | kBoolean)) || ((n.types & kNumber) && !n.number)) return true;
        if ((n.types & kString) && n.string->pattern < 0 && n.string->format < 0 && !n.string->content &&
            (n.string->max_length < 0 || n.string->min_length <= n.string->max_length)) return true;
        if ((n.types & kArray) && (!n.array || (n.array->min_items == 0 && (n.array->contains < 0 || n.array->min_contains == 0)))) return true;
        return (n.types & kObject) && (!n.object || (n.object->required.empty() && n.object->min_properties == 0));
    }

    Lexer& lexer() { return *lexer_; }
    Texts& texts() { return texts_; }
    LexState* state(int32_t expr) { return lexer_->state(expr); }
    bool alive(int32_t expr) { return expr != Expressions::kEmpty && lexer_->alive(lexer_->state(expr)); }

    // The contents of strings (between the quotes) for which a formula over variables holds: without `all_spellings`, texts
    // out of an enumeration are only there as serialisers write them.
    int32_t strings(int32_t f, bool all_spellings = false) {
        if (!written_.has(Kind::String)) return Expressions::kEmpty;
        all_spellings |= every_spelling_;
        auto& memo = strings_[all_spellings];
        auto known = memo.find(f);
        if (known != memo.end()) return known->second;
        int32_t made = work_out_strings(f, all_spellings);
        memo[f] = made;
        return made;
    }

    // The numerals for which it holds.
    int32_t numbers(int32_t f) {
        auto known = numerals_.find(f);
        if (known != numerals_.end()) return known->second;
        int32_t made = number_formula(f, true);
        if (canonical_ && !canonical_known_.count(made)) made = lexer_->expressions().both({made, numbers_.short_exponents()});
        numerals_[f] = made;
        return made;
    }

    // The same within the bounds that the caller asks for, where they leave something.
    int32_t bounded_strings(int32_t f) {
        const int32_t all = strings(f);
        if (!bounds_.strings() || all == Expressions::kEmpty) return all;
        return once_bounded(bounded_strings_, f, all, [&] { return texts_.length(0, bounds_.most_characters(f)); });
    }

    int32_t bounded_numbers(int32_t f) {
        const int32_t all = numbers(f);
        if (!bounds_.digits() || all == Expressions::kEmpty) return all;
        return once_bounded(bounded_numbers_, f, all, [&] { return numbers_.at_most(bounds_.most_digits(f)); });
    }

    // Texts out of an enumeration: as serialisers write them, or in every spelling.
    int32_t spelled(std::vector<std::string> options, bool all = false) {
        if (all || every_spelling_) return options.size() == 1 ? texts_.literal(options[0]) : texts_.literals(options);
        for (std::string& o : options) o = plain_spelling(o);
        return lexer_->expressions().literals(std::move(options));
    }

    // Whether a name can be written at all.
    bool writes_name(int32_t text) {
        return lexer_->expressions().complete() || spelled({table_->text(text)}) != Expressions::kEmpty;
    }

    // A text between quotes as most serialisers write it: only what has to be escaped is.
    static std::string plain_spelling(const std::string& text) {
        static const char* hex = "0123456789abcdef";
        std::string out;
        for (char c : text) {
            const auto b = static_cast<unsigned char>(c);
            if (b == '"' || b == '\\') {
                out += {'\\', c};
            } else if (b < 0x20) {
                const char* shorts = "\b\f\n\r\t";
                const char* at = b ? std::strchr(shorts, c) : nullptr;
                if (at) out += {'\\', "bfnrt"[at - shorts]};
                else out += {'\\', 'u', '0', '0', hex[b >> 4], hex[b & 15]};
            } else {
                out += c;
            }
        }
        return out;
    }

    JsonBounds& bounds() { return bounds_; }

  private:
    static constexpr int64_t kLongestPlain = 1000;   // zeros that a value of an enumeration is written out with

    // What is excluded is so in all its spellings.
    int32_t work_out_strings(int32_t f, bool all) {
        Expressions& e = lexer_->expressions();
        const Formula n = formulas_.at(f);
        std::vector<int32_t> parts;
        switch (n.op) {
            case FOp::False: return Expressions::kEmpty;
            case FOp::True: return texts_.any();
            case FOp::Not: return texts_.complement(strings(formulas_.arg(n, 0), true));
            case FOp::And:
            case FOp::Or:
                for (int32_t p : formulas_.args(f)) parts.push_back(strings(p, all));
                return n.op == FOp::And ? conjunction(std::move(parts)) : e.either(std::move(parts));
            case FOp::One: {
                int32_t none = texts_.any(), one = Expressions::kEmpty;
                for (int32_t p : formulas_.args(f)) {
                    int32_t now = strings(p, all), other = texts_.complement(strings(p, true));
                    one = e.either({conjunction({one, other}), conjunction({none, now})});
                    none = conjunction({none, other});
                }
                return one;
            }
            default: return strings_of(n.a, n.b, all);
        }
    }

    int32_t conjunction(std::vector<int32_t> contents) { return texts_.both(std::move(contents)); }

    int32_t strings_of(int32_t node, int32_t scope, bool all) {
        return once(contents_[all], {node, scope, Kind::String}, [&] { return work_out_strings_of(node, scope, all); });
    }

    int32_t work_out_strings_of(int32_t node, int32_t scope, bool all) {
        if (!(table_->nodes[node].types & kString)) return Expressions::kEmpty;
        std::vector<int32_t> parts;
        if (table_->nodes[node].has_values) {
            std::vector<std::string> options;
            for (int32_t v : table_->nodes[node].values)
                if (table_->values[v].kind == Kind::String) options.push_back(table_->text(table_->values[v].text));
            if (options.empty()) return Expressions::kEmpty;
            parts.push_back(spelled(std::move(options), all));
        }
        if (const StringKeywords* k = table_->nodes[node].string.get()) {
            try {
                if (k->min_length > 0 || k->max_length >= 0) parts.push_back(length(*k));
                if (k->content) parts.push_back(texts_.content(k->content));
                if (k->pattern >= 0) parts.push_back(texts_.pattern(table_->text(k->pattern)));
                if (k->format >= 0) {
                    auto own = table_->formats.find(k->format);
                    int32_t format = own == table_->formats.end() ? texts_.format(table_->text(k->format)) : texts_.whole(own->second);
                    if (format >= 0) parts.push_back(format);
                }
            } catch (SchemaError& error) {
                error.pointer = table_->pointer(table_->nodes[node].place) + "/pattern";
                error.keyword = "pattern";
                throw;
            }
        }
        std::vector<int32_t> vars;
        each_in_place(node, scope, [&](int32_t sub, int32_t s) { return var(sub, s); }, vars);
        for (int32_t v : vars) parts.push_back(strings(v, all));
        return conjunction(std::move(parts));
    }

    // Base64 has whole groups of four characters: no search has to find that out.
    int32_t length(const StringKeywords& k) {
        if (!(k.content & kBase64)) return texts_.length(k.min_length, k.max_length);
        return texts_.length((k.min_length + 3) / 4 * 4, k.max_length < 0 ? -1 : k.max_length / 4 * 4);
    }

    template <class F>
    int32_t once_bounded(std::unordered_map<int32_t, int32_t>& memo, int32_t f, int32_t all, F bound) {
        auto known = memo.find(f);
        if (known != memo.end()) return known->second;
        const int32_t within = conjunction({all, bound()});
        return memo[f] = alive(within) ? within : all;
    }

    // --- numbers: both polarities, since each language holds only numerals that are certain (see json_numbers.h)

    int32_t number_formula(int32_t f, bool positive) {
        Expressions& e = lexer_->expressions();
        const Formula n = formulas_.at(f);
        switch (n.op) {
            case FOp::False:
            case FOp::True: return (n.op == FOp::True) == positive ? numbers_.any() : Expressions::kEmpty;
            case FOp::Not: return number_formula(formulas_.arg(n, 0), !positive);
            case FOp::And:
            case FOp::Or:
                if (n.op == FOp::And && positive) return number_conjunction(formulas_.args(f));
                {
                    std::vector<int32_t> parts;
                    for (int32_t p : formulas_.args(f)) parts.push_back(number_formula(p, positive));
                    return (n.op == FOp::And) == positive ? numbers_.both(std::move(parts)) : e.either(std::move(parts));
                }
            case FOp::One: return exactly_one_number(formulas_.args(f), positive);
            default: return positive ? number_conjunction({f}) : number_fails(n.a, n.b);
        }
    }

    int32_t exactly_one_number(const std::vector<int32_t>& parts, bool positive) {
        Expressions& e = lexer_->expressions();
        int32_t none = numbers_.any(), one = Expressions::kEmpty, more = Expressions::kEmpty;
        for (int32_t p : parts) {
            int32_t yes = number_formula(p, true), no = number_formula(p, false);
            more = e.either({more, numbers_.both({one, yes})});
            one = e.either({numbers_.both({one, no}), numbers_.both({none, yes})});
            none = numbers_.both({none, no});
        }
        return positive ? one : e.either({none, more});
    }

    // A conjunction: one specification for all keywords, and what is no keyword beside it.
    int32_t number_conjunction(const std::vector<int32_t>& parts) {
        Numbers::Spec spec;
        std::vector<int32_t> others;
        bool empty = false;
        Met met;
        for (int32_t p : parts) add_number(p, spec, others, empty, met, 0);
        if (empty) return Expressions::kEmpty;
        others.push_back(numbers_.language(spec));
        if (canonical_ && spec.digits_only) canonical_known_.insert(others.back());
        const bool known = std::any_of(others.begin(), others.end(), [&](int32_t part) { return canonical_known_.count(part) > 0; });
        const int32_t made = numbers_.both(std::move(others));
        if (known) canonical_known_.insert(made);
        return made;
    }

    using Met = std::unordered_map<int32_t, bool>;   // variables of a conjunction; true while one is being looked at

    void add_number(int32_t f, Numbers::Spec& spec, std::vector<int32_t>& others, bool& empty, Met& met, size_t depth) {
        const Formula v = formulas_.at(f);
        if (v.op == FOp::True) return;
        if (v.op == FOp::And) {
            for (int32_t p : formulas_.args(f)) add_number(p, spec, others, empty, met, depth);
            return;
        }
        if (v.op != FOp::Var) {
            others.push_back(number_formula(f, true));
            return;
        }
        const auto visit = met.emplace(f, true);   // twice says no more than once
        if (!visit.second) {
            if (visit.first->second) throw endless(v.a);
            return;
        }
        const SchemaNode& n = table_->nodes[v.a];
        if (depth > kDeepest) throw fixed_limit("depth", kDeepest, "schemas applied inside one another to the same value");
        if (!(n.types & kNumber)) {
            empty = true;
            met[f] = false;
            return;
        }
        keywords_of(n, spec);
        if (n.has_values) others.push_back(values_of(v.a, true));
        std::vector<int32_t> vars;
        each_in_place(v.a, v.b, [&](int32_t sub, int32_t s) { return var(sub, s); }, vars);
        for (int32_t p : vars) add_number(p, spec, others, empty, met, depth + 1);
        met[f] = false;
    }

    void keywords_of(const SchemaNode& n, Numbers::Spec& spec) {
        if ((n.types & kNumber) == kInteger) spec.integer = true;
        if ((n.types & kNumber) == kFraction) spec.fraction = true;
        spec.digits_only |= (n.digits_only || canonical_) && (n.types & kNumber) == kInteger;
        spec.one_zero |= canonical_ && spec.digits_only;
        if (!n.number) return;
        const NumberKeywords& k = *n.number;
        if (k.minimum >= 0) raise_low(spec, decimal(k.minimum), false);
        if (k.exclusive_minimum >= 0) raise_low(spec, decimal(k.exclusive_minimum), true);
        if (k.maximum >= 0) lower_high(spec, decimal(k.maximum), false);
        if (k.exclusive_maximum >= 0) lower_high(spec, decimal(k.exclusive_maximum), true);
        if (k.multiple_of >= 0) spec.multiples.push_back(decimal(k.multiple_of));
    }

    Decimal decimal(int32_t text) { return parse_decimal(table_->text(text)); }

    static void raise_low(Numbers::Spec& spec, const Decimal& value, bool strict) {
        if (spec.low && (decimals::compare(*spec.low, value) > 0 || (decimals::compare(*spec.low, value) == 0 && (spec.low_strict || !strict)))) return;
        spec.low = value;
        spec.low_strict = strict;
    }

    static void lower_high(Numbers::Spec& spec, const Decimal& value, bool strict) {
        if (spec.high && (decimals::compare(*spec.high, value) < 0 || (decimals::compare(*spec.high, value) == 0 && (spec.high_strict || !strict)))) return;
        spec.high = value;
        spec.high_strict = strict;
    }

    int32_t values_of(int32_t node, bool positive) {
        std::vector<int32_t> parts;
        bool plain = canonical_;
        for (int32_t v : table_->nodes[node].values) {
            if (table_->values[v].kind != Kind::Number) continue;
            const Decimal value = decimal(table_->values[v].text);
            plain &= std::abs(value.exponent) <= kLongestPlain;
            parts.push_back(!positive ? numbers_.differs(value) : plain ? numbers_.plainly(value) : numbers_.equal(value));
        }
        if (positive) {
            const int32_t made = lexer_->expressions().either(std::move(parts));
            if (plain) canonical_known_.insert(made);
            return made;
        }
        return numbers_.both(std::move(parts));
    }

    // Numerals for which a node certainly does not hold: one of its keywords fails.
    int32_t number_fails(int32_t node, int32_t scope) {
        return once(number_fails_, {node, scope, Kind::Number}, [&] { return work_out_fails(node, scope); });
    }

    int32_t work_out_fails(int32_t node, int32_t scope) {
        const SchemaNode& n = table_->nodes[node];
        if (!(n.types & kNumber)) return numbers_.any();
        std::vector<int32_t> parts;
        Numbers::Spec all;
        keywords_of(n, all);
        auto single = [&](auto set) {
            Numbers::Spec one;
            set(one);
            parts.push_back(numbers_.fails(one));
        };
        if (all.integer) single([&](Numbers::Spec& s) { s.integer = true; s.digits_only = all.digits_only; });
        if (all.fraction) single([&](Numbers::Spec& s) { s.fraction = true; });
        if (all.low) single([&](Numbers::Spec& s) { s.low = all.low; s.low_strict = all.low_strict; });
        if (all.high) single([&](Numbers::Spec& s) { s.high = all.high; s.high_strict = all.high_strict; });
        for (const Decimal& m : all.multiples) single([&](Numbers::Spec& s) { s.multiples = {m}; });
        if (n.has_values) parts.push_back(values_of(node, false));
        std::vector<int32_t> vars;
        each_in_place(node, scope, [&](int32_t sub, int32_t s) { return var(sub, s); }, vars);
        for (int32_t v : vars) parts.push_back(number_formula(v, false));
        return lexer_->expressions().either(std::move(parts));
    }

    std::shared_ptr<Lexer> lexer_;
    std::shared_ptr<JsonLanguages> languages_;
    Texts& texts_;
    Numbers& numbers_;
    Memo contents_[2], number_fails_;
    JsonBounds bounds_;
    bool canonical_, every_spelling_;
    std::unordered_set<int32_t> canonical_known_;   // numerals that need not be held to the canonical form any more
    std::unordered_map<int32_t, int32_t> bounded_strings_, bounded_numbers_;
    std::unordered_map<int32_t, int32_t> strings_[2], numerals_;
};

}  // namespace guidedgen
