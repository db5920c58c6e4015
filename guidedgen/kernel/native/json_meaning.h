// What schemas say about one value: truth for literals, languages for strings and numbers, formulas for arrays and objects.
//
// Everything is worked out when it is asked for and remembered by (schema node, dynamic scope, kind of value). In-place
// applicators (allOf, anyOf, oneOf, not, if, $ref, dependentSchemas) dissolve here: they are connectives.
#pragma once

#include <map>

#include "json_bounds.h"
#include "json_numbers.h"
#include "json_text.h"
#include "lexer.h"
#include "schema_nodes.h"

namespace guidedgen {

using Kind = Value::Kind;

// The languages of strings and numbers in one lexer, with what was built of them: all schemas of a vocabulary share it.
struct JsonLanguages {
    explicit JsonLanguages(Expressions& e) : texts(e), numbers(e) {}
    Texts texts;
    Numbers numbers;
};

class Meaning {
  public:
    Meaning(std::shared_ptr<SchemaTable> table, std::shared_ptr<Lexer> lexer, std::shared_ptr<JsonLanguages> languages, const JsonOptions& options)
        : table_(std::move(table)), lexer_(std::move(lexer)), languages_(std::move(languages)), texts_(languages_->texts), numbers_(languages_->numbers),
          formulas_(lexer_->expressions().work()),
          bounds_(*table_, formulas_, options), canonical_(options.canonical), every_spelling_(options.whitespace == 1) {
        scopes_.push_back({});
    }

    SchemaTable& table() { return *table_; }
    Formulas& formulas() { return formulas_; }
    const Formulas& formulas() const { return formulas_; }
    Lexer& lexer() { return *lexer_; }
    Texts& texts() { return texts_; }

    // "The schema at a node holds", with references and trivial schemas looked through.
    int32_t var(int32_t node, int32_t scope) {
        for (size_t hops = 0;; ++hops) {
            const SchemaNode& n = table_->nodes[node];
            if (n.always >= 0) return n.always ? Formulas::kTrue : Formulas::kFalse;
            scope = enter(scope, n.resource);
            if (!only_reference(n)) return formulas_.var(node, scope);
            if (hops > table_->nodes.size()) throw endless(node);
            node = n.in_place->ref;
        }
    }

    // The formula of a node for one kind of value; for literals it is true or false.
    int32_t truth(int32_t node, int32_t scope, Kind kind) {
        const SchemaNode& n = table_->nodes[node];
        if (n.always >= 0) return n.always ? Formulas::kTrue : Formulas::kFalse;
        return once(truths_, {node, scope, kind}, [&] { return work_out(node, enter(scope, n.resource), kind); });
    }

    // A formula over variables, for one kind of value: literals give true or false, arrays and objects formulas over atoms.
    int32_t expand(int32_t f, Kind kind) {
        auto& memo = expanded_[static_cast<size_t>(kind)];
        return formulas_.rebuild(f, memo, [&](int32_t leaf) {
            const Formula v = formulas_.at(leaf);
            return v.op == FOp::Var ? truth(v.a, v.b, kind) : leaf;
        });
    }

    // The contents of strings (between the quotes) for which a formula over variables holds: without `all_spellings`, texts
    // out of an enumeration are only there as serialisers write them.
    int32_t strings(int32_t f, bool all_spellings = false) {
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

    JsonBounds& bounds() { return bounds_; }

    int64_t formulas_memory() const { return formulas_.memory() + static_cast<int64_t>(truths_.size() * 64); }

    LexState* state(int32_t expr) { return lexer_->state(expr); }
    bool alive(int32_t expr) { return expr != Expressions::kEmpty && lexer_->alive(lexer_->state(expr)); }

    // A node that only one value satisfies.
    int32_t constant(int32_t value) {
        auto known = constants_.find(value);
        if (known != constants_.end()) return known->second;
        SchemaNode n;
        n.has_values = true;
        n.values = {value};
        table_->nodes.push_back(std::move(n));
        int32_t id = static_cast<int32_t>(table_->nodes.size()) - 1;
        constants_.emplace(value, id);
        return id;
    }

    const std::vector<int32_t>& scope(int32_t id) const { return scopes_[id]; }

    // The node that a property name selects among the declared ones, or -1.
    int32_t property(int32_t node, int32_t key) {
        const auto& list = table_->nodes[node].object->properties;
        if (list.size() <= kFew) {
            for (const auto& p : list)
                if (p.first == key) return p.second;
            return -1;
        }
        auto& index = properties_[node];
        if (index.empty())
            for (const auto& p : list) index.emplace(p.first, p.second);
        auto found = index.find(key);
        return found == index.end() ? -1 : found->second;
    }

    int32_t enter(int32_t scope, int32_t resource) {
        if (!table_->dynamic) return 0;
        const std::vector<int32_t>& now = scopes_[scope];
        if (std::find(now.begin(), now.end(), resource) != now.end()) return scope;
        std::vector<int32_t> next = now;
        next.push_back(resource);
        auto found = scope_ids_.emplace(next, static_cast<int32_t>(scopes_.size()));
        if (found.second) scopes_.push_back(next);
        return found.first->second;
    }

    // Where $dynamicRef and $recursiveRef lead: the outermost resource of the scope that has the anchor.
    int32_t dynamic_target(const InPlaceKeywords& k, int32_t scope) const {
        if (k.anchor >= 0)
            for (int32_t r : scopes_[scope]) {
                auto found = table_->resources[r].dynamic_anchors.find(k.anchor);
                if (found != table_->resources[r].dynamic_anchors.end()) return found->second;
            }
        return k.dynamic;
    }

  private:
    static constexpr size_t kFew = 8;
    static constexpr int64_t kLongestPlain = 1000;   // zeros that a value of an enumeration is written out with
    static constexpr int kDeepest = 1000;   // of schemas in one another, all about the same value

    struct Place {
        int32_t node, scope;
        Kind kind;
        bool operator==(const Place& o) const { return node == o.node && scope == o.scope && kind == o.kind; }
    };
    struct PlaceHash {
        size_t operator()(const Place& p) const { return mix(mix(static_cast<uint32_t>(p.node), static_cast<uint32_t>(p.scope)), static_cast<uint64_t>(p.kind)); }
    };

    using Memo = std::unordered_map<Place, int32_t, PlaceHash>;

    // Works something out once; a place that needs itself to be worked out says nothing.
    template <class F>
    int32_t once(Memo& memo, const Place& at, F work) {
        auto known = memo.find(at);
        if (known != memo.end()) {
            if (known->second < 0) throw endless(at.node);
            return known->second;
        }
        if (depth_ >= kDeepest) throw fixed_limit("depth", kDeepest, "schemas applied inside one another to the same value");
        memo[at] = -1;
        ++depth_;
        try {
            int32_t made = work();
            --depth_;
            return memo[at] = made;
        } catch (...) {
            --depth_;
            memo.erase(at);
            throw;
        }
    }

    SchemaError endless(int32_t node) const {
        return SchemaError(SchemaError::Kind::Malformed, "the reference leads back to itself: nothing says what is valid",
                           table_->pointer(table_->nodes[node].place), "$ref", "Let the schemas on the way constrain something below the value.");
    }

    static bool only_reference(const SchemaNode& n) {
        if (!n.in_place || n.in_place->ref < 0 || n.in_place->dynamic >= 0) return false;
        const InPlaceKeywords& k = *n.in_place;
        return n.types == kAnyType && !n.has_values && !n.number && !n.string && !n.array && !n.object && k.all_of.empty() &&
               k.any_of.empty() && k.one_of.empty() && k.not_ < 0 && k.if_ < 0;
    }

    static uint8_t bit(Kind kind) {
        switch (kind) {
            case Kind::Null: return kNull;
            case Kind::False:
            case Kind::True: return kBoolean;
            case Kind::Number: return kNumber;
            case Kind::String: return kString;
            case Kind::Array: return kArray;
            default: return kObject;
        }
    }

    int32_t work_out(int32_t node, int32_t scope, Kind kind) {
        if (!(table_->nodes[node].types & bit(kind))) return Formulas::kFalse;
        std::vector<int32_t> parts;
        if (table_->nodes[node].has_values) parts.push_back(one_of_values(node, kind));
        if (parts.empty() || parts[0] != Formulas::kFalse) {
            if (kind == Kind::Object && table_->nodes[node].object) members(node, scope, parts);
            if (kind == Kind::Array && table_->nodes[node].array) items(node, scope, parts);
            each_in_place(node, scope, [&](int32_t sub, int32_t s) { return truth(sub, s, kind); }, parts);
        }
        return formulas_.all(std::move(parts));
    }

    // The connectives of a node; `sub` gives the formula of a schema that applies to the same value.
    template <class F>
    void each_in_place(int32_t node, int32_t scope, F sub, std::vector<int32_t>& parts) {
        if (!table_->nodes[node].in_place) return;
        const InPlaceKeywords& k = *table_->nodes[node].in_place;   // stays where it is while nodes are added
        auto list = [&](const std::vector<int32_t>& nodes) {
            std::vector<int32_t> result;
            for (int32_t n : nodes) result.push_back(sub(n, scope));
            return result;
        };
        if (k.ref >= 0) parts.push_back(sub(k.ref, scope));
        if (k.dynamic >= 0) parts.push_back(sub(dynamic_target(k, scope), scope));
        for (int32_t n : k.all_of) parts.push_back(sub(n, scope));
        if (!k.any_of.empty()) parts.push_back(formulas_.any(list(k.any_of)));
        if (!k.one_of.empty()) parts.push_back(formulas_.one(list(k.one_of)));
        if (k.not_ >= 0) parts.push_back(formulas_.negate(sub(k.not_, scope)));
        if (k.if_ >= 0 && (k.then_ >= 0 || k.else_ >= 0)) {
            int32_t condition = sub(k.if_, scope);
            if (k.then_ >= 0) parts.push_back(formulas_.either(formulas_.negate(condition), sub(k.then_, scope)));
            if (k.else_ >= 0) parts.push_back(formulas_.either(condition, sub(k.else_, scope)));
        }
    }

    int32_t one_of_values(int32_t node, Kind kind) {
        std::vector<int32_t> options;
        const std::vector<int32_t> values = table_->nodes[node].values;
        for (int32_t v : values) {
            if (table_->values[v].kind != kind) continue;
            if (kind == Kind::Array || kind == Kind::Object) options.push_back(equal_to(v));
            else return Formulas::kTrue;   // a literal: this value is the only one of its kind
        }
        return formulas_.any(std::move(options));
    }

    // An array or object value as a schema of its own.
    int32_t equal_to(int32_t value) {
        auto known = equal_.find(value);
        int32_t node;
        if (known != equal_.end()) {
            node = known->second;
        } else {
            const Value v = table_->values[value];
            SchemaNode n;
                if (v.kind == Kind::Array) {
                auto k = std::make_unique<ArrayKeywords>();
                for (int32_t item : v.items) k->prefix.push_back(constant(item));
                k->min_items = k->max_items = static_cast<int64_t>(v.items.size());
                n.array = std::move(k);
            } else {
                auto k = std::make_unique<ObjectKeywords>();
                for (const auto& m : v.members) {
                    k->properties.emplace_back(m.first, constant(m.second));
                    k->required.push_back(m.first);
                }
                k->max_properties = static_cast<int64_t>(v.members.size());
                n.object = std::move(k);
            }
            table_->nodes.push_back(std::move(n));
            node = static_cast<int32_t>(table_->nodes.size()) - 1;
            equal_.emplace(value, node);
        }
        return truth(node, 0, table_->values[value].kind);
    }

    void members(int32_t node, int32_t scope, std::vector<int32_t>& parts) {
        const ObjectKeywords& k = *table_->nodes[node].object;
        if (!k.properties.empty() || !k.patterns.empty() || k.additional >= 0) parts.push_back(formulas_.atom(FOp::Props, node, scope));
        if (k.names >= 0) parts.push_back(formulas_.atom(FOp::Names, node, scope));
        parts.push_back(formulas_.required(k.required));
        parts.push_back(formulas_.min_count(FOp::MinProps, k.min_properties));
        if (k.max_properties >= 0) parts.push_back(formulas_.max_count(FOp::MaxProps, k.max_properties));
        for (const auto& d : k.dependent_required)
            parts.push_back(formulas_.either(formulas_.negate(formulas_.required({d.first})), formulas_.required(d.second)));
        for (const auto& d : k.dependent_schemas)
            parts.push_back(formulas_.either(formulas_.negate(formulas_.required({d.first})), truth(d.second, scope, Kind::Object)));
        if (k.unevaluated >= 0) {
            std::vector<int32_t> truths;
            for (const Contributor& c : contributors(node, scope, Kind::Object)) truths.push_back(c.truth);
            parts.push_back(formulas_.atom(FOp::UnevaluatedProps, node, scope, 0, 0, truths));
        }
    }

    void items(int32_t node, int32_t scope, std::vector<int32_t>& parts) {
        const ArrayKeywords& k = *table_->nodes[node].array;
        if (!k.prefix.empty() || k.items >= 0) parts.push_back(formulas_.atom(FOp::Items, node, scope, 0));
        if (k.contains >= 0)
            parts.push_back(contains(node, scope, static_cast<int32_t>(k.min_contains), static_cast<int32_t>(k.max_contains)));
        parts.push_back(formulas_.min_count(FOp::MinItems, k.min_items));
        if (k.max_items >= 0) parts.push_back(formulas_.max_count(FOp::MaxItems, k.max_items));
        if (k.unique) parts.push_back(formulas_.atom(FOp::Unique, 0));
        if (k.unevaluated >= 0) {
            std::vector<int32_t> truths;
            for (const Contributor& c : contributors(node, scope, Kind::Array)) truths.push_back(c.truth);
            parts.push_back(formulas_.atom(FOp::UnevaluatedItems, node, scope, 0, 0, truths));
        }
    }

  public:
    // What is left of `contains`: at least `low` and at most `high` (-1: any number of) further matching items.
    int32_t contains(int32_t node, int32_t scope, int32_t low, int32_t high) {
        if (low <= 0 && high < 0) return Formulas::kTrue;
        return formulas_.atom(FOp::Contains, node, scope, std::max(low, 0), high);
    }

    // A schema applied in place whose keywords count as having evaluated members or items if it, and all around it, holds.
    struct Contributor {
        int32_t node, scope, truth;
    };

    const std::vector<Contributor>& contributors(int32_t node, int32_t scope, Kind kind) {
        const Place at{node, scope, kind};
        auto known = contributors_.find(at);
        if (known != contributors_.end()) return known->second;
        std::vector<Contributor> found;
        gather(node, scope, kind, Formulas::kTrue, found, 0);
        return contributors_.emplace(at, std::move(found)).first->second;
    }

  private:
    void gather(int32_t node, int32_t scope, Kind kind, int32_t around, std::vector<Contributor>& found, size_t depth) {
        if (depth > kDeepest) throw endless(node);
        formulas_.work().spend(16);
        auto add = [&](int32_t sub, int32_t s, int32_t condition) {
            const SchemaNode& n = table_->nodes[sub];
            if (n.always >= 0) return;
            int32_t truth_here = formulas_.both(condition, truth(sub, s, kind));
            if (truth_here == Formulas::kFalse) return;
            s = enter(s, table_->nodes[sub].resource);
            formulas_.work().hold(sizeof(Contributor));
            found.push_back({sub, s, truth_here});
            gather(sub, s, kind, truth_here, found, depth + 1);
        };
        if (kind == Kind::Object && table_->nodes[node].object)
            for (const auto& d : table_->nodes[node].object->dependent_schemas)
                add(d.second, scope, formulas_.both(around, formulas_.required_present(d.first)));
        if (!table_->nodes[node].in_place) return;
        const InPlaceKeywords& k = *table_->nodes[node].in_place;
        if (k.ref >= 0) add(k.ref, scope, around);
        if (k.dynamic >= 0) add(dynamic_target(k, scope), scope, around);
        for (const auto* list : {&k.all_of, &k.any_of, &k.one_of})
            for (int32_t n : *list) add(n, scope, around);
        if (k.if_ >= 0) {
            add(k.if_, scope, around);
            int32_t condition = truth(k.if_, scope, kind);
            if (k.then_ >= 0) add(k.then_, scope, formulas_.both(around, condition));
            if (k.else_ >= 0) add(k.else_, scope, formulas_.both(around, formulas_.negate(condition)));
        }
    }

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
                if (k->min_length > 0 || k->max_length >= 0) parts.push_back(texts_.length(k->min_length, k->max_length));
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

  public:
    // Texts out of an enumeration: as serialisers write them, or in every spelling.
    int32_t spelled(std::vector<std::string> options, bool all = false) {
        if (all || every_spelling_) return options.size() == 1 ? texts_.literal(options[0]) : texts_.literals(options);
        std::vector<int32_t> plain;
        for (const std::string& o : options) {
            std::string text = plain_spelling(o);
            plain.push_back(lexer_->expressions().literal(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
        }
        return lexer_->expressions().either(std::move(plain));
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

  private:
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

    std::shared_ptr<SchemaTable> table_;
    std::shared_ptr<Lexer> lexer_;
    std::shared_ptr<JsonLanguages> languages_;
    Texts& texts_;
    Numbers& numbers_;
    Formulas formulas_;
    std::vector<std::vector<int32_t>> scopes_;
    std::map<std::vector<int32_t>, int32_t> scope_ids_;
    Memo truths_, contents_[2], number_fails_;
    std::unordered_map<Place, std::vector<Contributor>, PlaceHash> contributors_;
    JsonBounds bounds_;
    bool canonical_, every_spelling_;
    std::unordered_set<int32_t> canonical_known_;   // numerals that need not be held to the canonical form any more
    std::unordered_map<int32_t, int32_t> bounded_strings_, bounded_numbers_;
    std::unordered_map<int32_t, int32_t> expanded_[7], strings_[2], numerals_, constants_, equal_;
    std::unordered_map<int32_t, std::unordered_map<int32_t, int32_t>> properties_;
    int depth_ = 0;
};

}  // namespace guidedgen
