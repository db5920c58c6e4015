// Where a state of the JSON machine stands: the path of the value that is being read, the places of the schema that apply
// to it, and which keywords ask for what there. For explanations: worked out when somebody asks, by looking at what the
// machine has built; nothing is kept for it while masks are filled.
#pragma once

#include "json_applied.h"
#include "json_around.h"
#include "json_words.h"

namespace guidedgen {

// A lexeme that has been read in part.
struct Begun {
    int32_t edge;
    LexState* state;
    bool repeats = false;   // a name that the object has already would end here
    std::string name;       // an undeclared name, as far as it was read
};

struct JsonPlace {
    std::vector<JsonStep> path;               // of the value or container that is being read, in the instance
    std::vector<std::string> schemas;      // pointers of what applies to it
    std::vector<int32_t> key_texts;
    std::vector<std::string> keys;         // declared names that may come, or go on
    std::vector<Demand> demands;
};

class JsonWhere {
  public:
    explicit JsonWhere(JsonMachine& machine)
        : m_(machine), meaning_(machine.meaning_), formulas_(meaning_.formulas()), table_(meaning_.table()),
          demands_(table_), around_(machine), applied_(meaning_) {}

    // `begun`: the lexemes of the state that are being read; none: all of them may come. `byte`: what was refused, or -1.
    JsonPlace at(int32_t id, const std::vector<Begun>& begun, int byte) {
        place_ = {};
        demands_.list.clear();
        byte_ = byte;
        try {
            describe(id, begun);
        } catch (const LimitError&) {   // as much as could be found out
        } catch (const SchemaError&) {
        }
        for (int32_t key : place_.key_texts) place_.keys.push_back(table_.text(key));
        place_.demands = demands_.list;
        place_.path = around_.path;
        return place_;
    }

  private:
    using State = JsonMachine::State;
    using Phase = JsonMachine::Phase;
    using Step = JsonMachine::Step;
    using Ids = JsonAround::Ids;
    using Asked = Applied;
    using Node = AppliedNode;

    static constexpr int32_t kLaidOut = -1;   // stands for whitespace before a value

    // --- what applies

    Asked asked(const JsonAround::Ids& goals, int kind) { return applied_.to(goals, kind); }

    // What applies to the innermost container.
    Asked container(Kind kind) {
        return around_.levels.empty() ? Asked{} : asked(around_.levels.front().goals, static_cast<int>(kind));
    }

    void name_schemas(const Asked& asked) {
        for (const Node& n : asked.nodes) {
            if (demands_.synthetic(n.id)) continue;
            const std::string pointer = table_.pointer_of(n.id);
            if (std::find(place_.schemas.begin(), place_.schemas.end(), pointer) == place_.schemas.end()) place_.schemas.push_back(pointer);
        }
    }

    // --- what is asked for

    void describe(int32_t id, const std::vector<Begun>& begun) {
        const State& s = m_.states_[id].state;
        if (begun.empty() && byte_in("0123456789.eE+-") && behind_number(id)) return;
        if (s.phase == Phase::Tail) return;
        if (s.phase == Phase::Value) {
            around_.of_value(id);
            return value(s.prefix, m_.lists_[s.goals], m_.expect(id), begun);
        }
        around_.of_container(id);
        if (s.phase == Phase::FirstMember || s.phase == Phase::NextMember) return members(id, begun);
        const std::vector<int32_t> goals = s.phase == Phase::FirstItem ? around_.first_goals(id) : std::vector<int32_t>{};
        const bool inside = !begun.empty() && m_.expect(id)[begun[0].edge].step != Step::Close;
        if (goals.empty() || !(inside || (begun.empty() && byte_ != ']'))) return items(id);
        around_.path.push_back({true, "0"});
        value(kLaidOut, goals, m_.expect(id), begun);
    }

    // A digit behind a number that cannot go on: what is asked for is about the number.
    bool behind_number(int32_t id) {
        for (const auto& [from, edge] : around_.before(id)) {
            if (edge < 0) continue;
            const JsonMachine::Edge e = m_.states_[from].edges[edge];
            if (e.step != Step::Scalar || kind_of_lexeme(e.start) != static_cast<int>(Kind::Number)) continue;
            const bool first = m_.states_[from].state.phase == Phase::FirstItem;
            if (first) around_.of_container(from);
            else around_.of_value(from);
            const std::vector<int32_t> goals = first ? around_.first_goals(from) : m_.lists_[m_.states_[from].state.goals];
            if (static_cast<size_t>(e.a) >= goals.size()) continue;
            if (first) around_.path.push_back({true, "0"});
            const Asked what = asked({goals[e.a]}, static_cast<int>(Kind::Number));
            name_schemas(what);
            within(what, static_cast<int>(Kind::Number), nullptr);
        }
        return !demands_.list.empty();
    }

    // The kind that a lexeme, or a byte, begins; -1: none.
    static int kind_of(const ByteSet& first) {
        if (first.has('"')) return static_cast<int>(Kind::String);
        if (first.has('{')) return static_cast<int>(Kind::Object);
        if (first.has('[')) return static_cast<int>(Kind::Array);
        for (uint8_t c = '0'; c <= '9'; ++c)
            if (first.has(c)) return static_cast<int>(Kind::Number);
        if (first.has('-')) return static_cast<int>(Kind::Number);
        if (first.has('t')) return static_cast<int>(Kind::True);
        if (first.has('f')) return static_cast<int>(Kind::False);
        return first.has('n') ? static_cast<int>(Kind::Null) : -1;
    }

    int kind_of_lexeme(LexState* start) {
        ByteSet first = m_.lexer_.first(start);
        for (int i = 0; i < 1000 && kind_of(first) < 0 && !first.empty(); ++i) {   // behind the whitespace of a layout
            uint8_t byte = 0;
            for (uint8_t c : {' ', '\n', '\t', '\r'})
                if (first.has(c)) byte = c;
            start = byte ? m_.lexer_.next(start, byte) : nullptr;
            if (!start) return -1;
            first = m_.lexer_.first(start);
        }
        return kind_of(first);
    }

    bool byte_in(const char* bytes) const { return byte_ > 0 && std::strchr(bytes, byte_); }

    using Edges = std::vector<JsonMachine::Edge>;

    void value(int32_t prefix, const std::vector<int32_t>& goals, const Edges& edges, const std::vector<Begun>& begun) {
        Ids all(goals.begin(), goals.end());
        bool inside = false;
        int kind = -1;
        for (const Begun& b : begun)
            if (!(prefix != Expressions::kEpsilon && m_.lexer_.first(b.state).has('\n'))) inside = true;
        if (inside) {
            all.clear();
            for (const Begun& b : begun) {
                const JsonMachine::Edge& e = edges[b.edge];
                if (e.step != Step::Scalar || static_cast<size_t>(e.a) >= goals.size()) continue;
                all.insert(goals[e.a]);
                kind = kind_of_lexeme(e.start);
            }
        } else if (byte_ >= 0) {
            kind = kind_of(ByteSet::single(static_cast<uint8_t>(byte_)));
        }
        const Asked what = asked(all, inside ? kind : -1);
        name_schemas(inside ? what : asked(all, -1));
        if (!inside && byte_in(" \n\t\r")) return demands_.add_nowhere("no whitespace here");
        if (!inside && (kind < 0 || !refused_kind(what, kind))) {
            if (kind >= 0) within(asked(all, kind), kind, nullptr);
            if (kind < 0 || demands_.list.empty())
                for (const Node& n : what.nodes) general(n.id);
        } else if (inside) {
            within(what, kind, begun[0].state);
            if (demands_.list.empty())
                for (const Node& n : what.nodes) general(n.id);
        }
        around_enum(what);
    }

    void general(int32_t node) {
        if (demands_.synthetic(node)) return;
        demands_.type(node);
        demands_.values(node);
    }

    static bool has_kind(uint8_t types, int kind) {
        static constexpr uint8_t bits[] = {kNull, kBoolean, kBoolean, kNumber, kString, kArray, kObject};
        return types & bits[kind];
    }

    // The keywords that leave no value of the kind at all.
    bool refused_kind(const Asked& what, int kind) {
        for (const Node& n : what.nodes)
            if (!demands_.synthetic(n.id) && !has_kind(table_.nodes[n.id].types, kind)) demands_.type(n.id);
        if (!demands_.list.empty()) return true;
        for (const Node& n : what.nodes) {
            const SchemaNode& node = table_.nodes[n.id];
            auto of_kind = [&](int32_t v) { return static_cast<int>(table_.values[v].kind) == kind; };
            if (!node.has_values || demands_.synthetic(n.id)) continue;
            if (std::none_of(node.values.begin(), node.values.end(), of_kind)) demands_.values(n.id);
        }
        return !demands_.list.empty();
    }

    // The keywords about values of a kind. `state`: of the lexeme that is being read.
    void within(const Asked& what, int kind, LexState* state) {
        const bool string = kind == static_cast<int>(Kind::String);
        bool goes_on = byte_ != '"';
        if (string && state && goes_on && byte_ >= 0) {   // where other characters may come, it is not too long
            const ByteSet next = m_.lexer_.first(state);
            for (uint8_t c : {'a', 'b', '0', '1', '-', ' ', '.', '/'}) goes_on &= !next.has(c);
        }
        for (const Node& n : what.nodes) {
            if (demands_.synthetic(n.id)) continue;
            demands_.values(n.id);
            if (string) demands_.string(n.id, byte_ == '"' || byte_ < 0, goes_on);
            if (kind == static_cast<int>(Kind::Number)) demands_.number(n.id, byte_ >= '0' && byte_ <= '9');
            const InPlaceKeywords* k = table_.nodes[n.id].in_place.get();
            if (k && k->not_ >= 0) demands_.add(n.id, {Keyword::Not}, "nothing that is valid under it");
            if (k && k->one_of.size() > 1) demands_.add(n.id, {Keyword::OneOf}, "exactly one of " + counted(k->one_of.size(), "schema"));
        }
        refused_by_items(what);
    }

    // Items that must not be equal to earlier ones, or not match `contains` once more.
    void refused_by_items(const Asked& what) {
        if (what.refused.empty()) return;
        const Asked array = container(Kind::Array);
        for (int32_t refused : what.refused) {
            auto wanted = [&](const Node& n) { return n.id == refused; };   // by another way of reading the text
            bool named = std::any_of(what.nodes.begin(), what.nodes.end(), wanted);
            for (const Node& n : array.nodes) {
                const ArrayKeywords* k = table_.nodes[n.id].array.get();
                if (!k || demands_.synthetic(n.id)) continue;
                if (k->unique && demands_.synthetic(refused)) demands_.add(n.id, {Keyword::UniqueItems}, "an item unlike those before it");
                if (k->contains != refused) continue;
                demands_.add(n.id, {Keyword::MaxContains, Keyword::Contains}, "no more items valid under `contains`");
                named = true;
            }
            if (!named && !demands_.synthetic(refused)) demands_.add(refused, {}, "nothing that is valid under it");
        }
    }

    // Members and items of a value that is given as a whole: what the enum around them asks for.
    void around_enum(const Asked& what) {
        if (std::none_of(what.nodes.begin(), what.nodes.end(), [&](const Node& n) { return demands_.synthetic(n.id); })) return;
        for (const JsonAround::Level& level : around_.levels) {
            const size_t before = demands_.list.size();
            for (const Node& n : asked(level.goals, -1).nodes)
                if (!demands_.synthetic(n.id)) demands_.values(n.id);
            if (demands_.list.size() > before) return;
        }
    }

    // --- objects

    struct Left {
        std::vector<int32_t> missing;
        int64_t most_props = -1, most_items = -1;
        bool fewest_props = false, fewest_items = false, unique = false;
        std::vector<int32_t> contains;   // nodes that still want items
    };

    Left left_of(const std::vector<int32_t>& tuple) {
        Left left;
        for (int32_t f : tuple)
            formulas_.each_leaf(f, [&](int32_t leaf) {
                const Formula n = formulas_.at(leaf);
                if (n.op == FOp::Required) for (int32_t k : formulas_.args(leaf)) left.missing.push_back(k);
                if (n.op == FOp::MaxProps) left.most_props = left.most_props < 0 ? n.a : std::min<int64_t>(left.most_props, n.a);
                if (n.op == FOp::MaxItems) left.most_items = left.most_items < 0 ? n.a : std::min<int64_t>(left.most_items, n.a);
                left.fewest_props |= n.op == FOp::MinProps;
                left.fewest_items |= n.op == FOp::MinItems;
                left.unique |= n.op == FOp::Unique;
                if (n.op == FOp::Contains && n.c > 0) left.contains.push_back(n.a);
            });
        std::sort(left.missing.begin(), left.missing.end());
        left.missing.erase(std::unique(left.missing.begin(), left.missing.end()), left.missing.end());
        return left;
    }

    static bool in(const std::vector<int32_t>& list, int32_t x) { return std::find(list.begin(), list.end(), x) != list.end(); }

    void members(int32_t id, const std::vector<Begun>& begun) {
        const State s = m_.states_[id].state;
        const JsonMachine::Frame frame = m_.frames_[s.frame];
        const Plan& plan = m_.progress_.plan(frame.rest.plan);
        const Asked what = container(Kind::Object);
        name_schemas(what);
        const Left left = left_of(frame.tuple);
        if (begun.empty() && byte_ >= 0 && !byte_in("\",}")) return demands_.add_nowhere("a key, or the end of the object");
        if (!begun.empty() && ends_in_colon(begun[0].state)) return demands_.add_nowhere("a colon after the key");
        if (begun.empty() && byte_ == '}') {
            close_object(what, left);
        } else {
            bool others = false, repeats = false;
            auto take = [&](const JsonMachine::Edge& e) {
                if (e.step == Step::Key) place_.key_texts.push_back(m_.progress_.key(plan.declared[e.a]));
                others |= e.step == Step::OtherKey;
            };
            const std::vector<JsonMachine::Edge>& edges = m_.expect(id);
            for (const Begun& b : begun) {
                take(edges[b.edge]);
                repeats |= b.repeats;
            }
            if (begun.empty())
                for (const JsonMachine::Edge& e : edges) take(e);
            if (repeats) return demands_.add_nowhere("a key that is not there yet");
            if (byte_ == '"')
                for (const Begun& b : begun)
                    if (edges[b.edge].step == Step::OtherKey) refused_name(what, frame, b.name);
            name_keys(what, left, others, frame.rest.rank > 0 && !m_.sat_.any_order());
        }
        around_enum(what);
    }

    // Whether nothing of a member's name is left but the colon.
    bool ends_in_colon(LexState* state) {
        state = m_.lexer_.next(state, ':');
        if (state && !state->accepting) state = m_.lexer_.next(state, ' ');
        return state && state->accepting;
    }

    // A declared name that may not end here: it came already, or too late, or no value is valid for it.
    void refused_name(const Asked& what, const JsonMachine::Frame& frame, const std::string& name) {
        const int32_t text = table_.find(name);
        const Plan& plan = m_.progress_.plan(frame.rest.plan);
        const auto place = plan.index.find(text);
        if (text < 0 || place == plan.index.end()) return;
        if (!m_.sat_.available(frame.rest, place->second)) {
            const char* order = "a key that is not there yet, in the order of the schema";
            return demands_.add_nowhere(m_.sat_.any_order() ? "a key that is not there yet" : order);
        }
        const std::string below = "/" + pointer_token(name);
        for (const Node& n : what.nodes) {
            const ObjectKeywords* o = table_.nodes[n.id].object.get();
            if (!o || demands_.synthetic(n.id)) continue;
            for (const auto& p : o->properties)
                if (p.first == text) demands_.add(n.id, {Keyword::Properties}, "another key: no value is valid for this one", below);
            for (const auto& d : o->dependent_required)
                if (d.first == text) demands_.add(n.id, {Keyword::DependentRequired, Keyword::Dependencies}, "first " + demands_.keys(d.second), below);
            for (const auto& d : o->dependent_schemas)
                if (d.first == text) demands_.add(n.id, {Keyword::DependentSchemas, Keyword::Dependencies}, "another key: its schema is impossible", below);
        }
    }

    void close_object(const Asked& what, const Left& left) {
        for (const Node& n : what.nodes) {
            const ObjectKeywords* o = table_.nodes[n.id].object.get();
            if (demands_.synthetic(n.id)) continue;
            demands_.values(n.id);
            if (!o) continue;
            std::vector<int32_t> missing;
            for (int32_t key : o->required)
                if (in(left.missing, key)) missing.push_back(key);
            for (int32_t key : missing) demands_.add(n.id, {Keyword::Required}, "the required key " + demands_.quoted(key));
            for (const auto& d : o->dependent_required)
                for (int32_t key : d.second)
                    if (in(left.missing, key) && !in(missing, key))
                        demands_.add(n.id, {Keyword::DependentRequired, Keyword::Dependencies},
                                     "the key " + demands_.quoted(key) + " beside " + demands_.quoted(d.first), "/" + pointer_token(table_.text(d.first)));
            if (left.fewest_props && o->min_properties > 0) demands_.add(n.id, {Keyword::MinProperties}, "at least " + counted(o->min_properties, "member"));
        }
        if (demands_.list.empty()) choices(what);
    }

    // Where what is left is a choice between schemas, or that some are not valid.
    void choices(const Asked& what) {
        for (const Node& n : what.nodes) combined(n.id);
        if (!demands_.list.empty()) return;
        for (int32_t refused : what.refused)
            if (!demands_.synthetic(refused)) demands_.add(refused, {}, "nothing that is valid under it");
    }

    void combined(int32_t node) {
        const InPlaceKeywords* k = table_.nodes[node].in_place.get();
        if (!k || demands_.synthetic(node)) return;
        if (!k->any_of.empty()) demands_.add(node, {Keyword::AnyOf}, "one of " + counted(k->any_of.size(), "schema"));
        if (!k->one_of.empty()) demands_.add(node, {Keyword::OneOf}, "exactly one of " + counted(k->one_of.size(), "schema"));
        if (k->not_ >= 0) demands_.add(node, {Keyword::Not}, "nothing that is valid under it");
        if (k->if_ >= 0) demands_.add(node, {k->then_ >= 0 ? Keyword::Then : Keyword::Else}, "what it asks for");
    }

    void name_keys(const Asked& what, const Left& left, bool others, bool ordered) {
        const std::vector<int32_t>& keys = place_.key_texts;
        std::vector<int32_t> rest = keys;
        for (const Node& n : what.nodes) {
            const ObjectKeywords* o = table_.nodes[n.id].object.get();
            if (!o || demands_.synthetic(n.id)) continue;
            std::vector<int32_t> own;
            for (const auto& p : o->properties)
                if (in(keys, p.first)) own.push_back(p.first);
            for (int32_t key : own) rest.erase(std::remove(rest.begin(), rest.end(), key), rest.end());
            if (!own.empty()) demands_.add(n.id, {Keyword::Properties}, demands_.keys(own) + (ordered ? ", in the order of the schema" : ""));
        }
        for (const Node& n : what.nodes) {
            const ObjectKeywords* o = table_.nodes[n.id].object.get();
            if (demands_.synthetic(n.id)) continue;
            demands_.values(n.id);
            if (o) reasons_of_keys(n.id, *o, left, rest, others);
        }
        if (demands_.list.empty() && !keys.empty()) demands_.add_nowhere(demands_.keys(keys));
    }

    void reasons_of_keys(int32_t node, const ObjectKeywords& o, const Left& left, const std::vector<int32_t>& rest, bool others) {
        auto never = [&](int32_t sub) { return sub >= 0 && table_.nodes[sub].always == 0; };
        for (int32_t key : o.required) {
            const bool next = !m_.sat_.any_order() && in(left.missing, key) && in(place_.key_texts, key);
            if (next || in(rest, key)) demands_.add(node, {Keyword::Required}, "the required key " + demands_.quoted(key));
        }
        if (!o.patterns.empty() && (others || !rest.empty())) {
            for (const auto& p : o.patterns)
                demands_.add(node, {Keyword::PatternProperties}, "a key that matches the pattern", "/" + pointer_token(table_.text(p.first)));
        }
        if (left.most_props >= 0 && o.max_properties >= 0 && left.most_props <= static_cast<int64_t>(left.missing.size()))
            demands_.add(node, {Keyword::MaxProperties}, "at most " + counted(o.max_properties, "member"));
        if (o.names >= 0) demands_.add(node, {Keyword::PropertyNames}, "a key that is valid under it");
        if (never(o.additional)) demands_.add(node, {Keyword::AdditionalProperties}, "no other keys");
        if (never(o.unevaluated)) demands_.add(node, {Keyword::UnevaluatedProperties}, "no other keys");
    }

    // --- arrays

    void items(int32_t id) {
        const JsonMachine::Frame frame = m_.frames_[m_.states_[id].state.frame];
        const Asked what = container(Kind::Array);
        name_schemas(what);
        const Left left = left_of(frame.tuple);
        const bool first = m_.states_[id].state.phase == Phase::FirstItem;
        if (!first && byte_ >= 0 && !byte_in(",]")) return demands_.add_nowhere("a comma, or the end of the array");
        const bool may_end = std::any_of(m_.expect(id).begin(), m_.expect(id).end(), [](const auto& e) { return e.step == Step::Close; });
        const bool more = m_.next_item(m_.states_[id].state.frame, frame).goals >= 0;
        for (const Node& n : what.nodes) {
            const ArrayKeywords* a = table_.nodes[n.id].array.get();
            if (demands_.synthetic(n.id)) continue;
            demands_.values(n.id);
            if (!a) continue;
            if (!may_end && byte_ != ',') too_few(n.id, *a, left);
            if (!more && byte_ != ']') too_many(n.id, *a, left);
        }
        if (demands_.list.empty() && (!may_end || !more)) choices(what);
        around_enum(what);
    }

    void too_few(int32_t node, const ArrayKeywords& a, const Left& left) {
        if (left.fewest_items && a.min_items > 0) demands_.add(node, {Keyword::MinItems}, "at least " + counted(a.min_items, "item"));
        if (in(left.contains, node) && a.contains >= 0)
            demands_.add(node, {Keyword::MinContains, Keyword::Contains}, "at least " + counted(a.min_contains, "item") + " valid under `contains`");
    }

    void too_many(int32_t node, const ArrayKeywords& a, const Left& left) {
        auto never = [&](int32_t sub) { return sub >= 0 && table_.nodes[sub].always == 0; };
        const auto prefix = static_cast<int64_t>(a.prefix.size());
        if (left.most_items == 0 && a.max_items >= 0) return demands_.add(node, {Keyword::MaxItems}, "at most " + counted(a.max_items, "item"));
        if (never(a.items)) demands_.add(node, {Keyword::AdditionalItems, Keyword::Items}, "at most " + counted(prefix, "item"));
        for (int32_t p : a.prefix)
            if (never(p)) demands_.add(p, {}, "no item there");
        if (never(a.unevaluated)) demands_.add(node, {Keyword::UnevaluatedItems}, "no other items");
        if (left.unique && a.unique) demands_.add(node, {Keyword::UniqueItems}, "items that differ from each other");
        if (a.max_contains >= 0) demands_.add(node, {Keyword::MaxContains}, "at most " + counted(a.max_contains, "item") + " valid under `contains`");
    }

    JsonMachine& m_;
    Meaning& meaning_;
    Formulas& formulas_;
    SchemaTable& table_;
    Demands demands_;
    JsonPlace place_;
    int byte_ = -1;
    JsonAround around_;
    JsonApplied applied_;
};

}  // namespace guidedgen
