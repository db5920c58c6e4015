// The JSON texts of a schema as a lazily built pushdown automaton over lexemes.
//
// A state is a phase (before a value, before the first or the next member or item), what has to hold, and a stack of the
// containers around it. Stacks, frames and states are hash-consed and know nothing of offsets, so equal situations are one
// state wherever they arise. Each state expects a few lexemes with different languages; what follows each is worked out
// when it has been read. Rows (`rows.h`) hold such states as items, beside those of grammars.
#pragma once

#include "json_cost.h"
#include "json_text_value.h"
#include "registers.h"

namespace guidedgen {

class JsonMachine {
  public:
    enum class Phase : uint8_t { Value, FirstMember, NextMember, FirstItem, NextItem, Tail };
    enum class Step : uint8_t { Scalar, OpenObject, OpenArray, Key, OtherKey, Comma, Close, Space };

    // What a lexeme means for the registers (registers.h).
    enum Flag : uint8_t { kOpens = 1, kOpensArray = 2, kName = 4, kCloses = 8, kEndsItem = 16, kNextItem = 32 };

    struct Edge {
        LexState* start;
        Step step;
        int32_t a;            // Scalar, Close: the outcome; keys: place in the plan
        uint8_t flags = 0;
        int32_t target = -1;  // the state after it; made on demand
    };

    struct State {
        Phase phase;
        int32_t goals = -1;   // Value: the outcomes of the value
        int32_t frame = -1;   // the container that is being read
        int32_t stack = 0;    // what the value, or the container, stands in
        int level = 0;        // of nesting, as far as layouts tell levels apart
        int32_t prefix = Expressions::kEpsilon;   // Value: whitespace that its lexemes begin with
        bool operator==(const State& o) const {
            return phase == o.phase && goals == o.goals && frame == o.frame && stack == o.stack && level == o.level && prefix == o.prefix;
        }
    };

    JsonMachine(std::shared_ptr<SchemaTable> table, const std::shared_ptr<Lexer>& lexer, std::shared_ptr<JsonLanguages> languages,
                const JsonOptions& options)
        : meaning_(std::move(table), lexer, std::move(languages), options), progress_(meaning_), sat_(meaning_, progress_, options.any_order, options.proof_steps),
          layout_(lexer->expressions(), options), costs_(meaning_, progress_, sat_, layout_), lexer_(*lexer) {
        quote_ = layout_.text("\"");
        stacks_.push_back({});
        check_texts();
        root_ = meaning_.var(meaning_.table().root, 0);
        if (!sat_.goal(root_))
            throw SchemaError(SchemaError::Kind::Unsatisfiable, "no value is valid under the schema", "");
    }

    const SchemaTable& table() { return meaning_.table(); }

    int32_t start() {
        State s{Phase::Value};
        s.goals = list({root_});
        s.prefix = layout_.around();
        return intern(s);
    }

    // The lexemes that may come next.
    std::vector<Edge>& expect(int32_t id) {
        Known& known = states_[id];
        if (!known.ready) {
            std::vector<Edge> edges;
            const State s = known.state;
            if (s.stack != 0 && s.phase != Phase::FirstItem && s.phase != Phase::Tail) {
                edges = expect_alone(s);
            } else switch (s.phase) {
                case Phase::Value: value(s, edges); break;
                case Phase::FirstMember:
                case Phase::NextMember: member(s, edges); break;
                case Phase::FirstItem:
                case Phase::NextItem: item(s, edges); break;
                case Phase::Tail:
                    if (s.level == 0 && layout_.around() != Expressions::kEpsilon) add(edges, layout_.around(), Step::Space, 0);
            }
            for (Edge& e : edges) e.flags = flags(s, e);
            bytes_ += static_cast<int64_t>(edges.size() * sizeof(Edge));
            states_[id].edges = std::move(edges);
            states_[id].ready = true;
        }
        return states_[id].edges;
    }

    // What is expected does not depend on what the value or container stands in.
    std::vector<Edge> expect_alone(State s) {
        s.stack = 0;
        std::vector<Edge> edges = expect(intern(s));
        for (Edge& e : edges) e.target = -1;
        return edges;
    }

    // Whether the text may end here.
    bool complete(int32_t id) const { return states_[id].state.phase == Phase::Tail; }

    // The state after a lexeme.
    int32_t follow(int32_t id, int32_t edge) {
        Edge& e = expect(id)[edge];
        if (e.target < 0) {
            int32_t target = make_target(states_[id].state, e);
            states_[id].edges[edge].target = target;
            return target;
        }
        return e.target;
    }

    // The least number of bytes that complete the text from a state.
    int64_t cost(int32_t id) {
        if (states_[id].cost < 0) {
            // Outwards first: a stack is deep where a text is, and recursion would be as deep.
            std::vector<int32_t> order{id};
            while (order.size() <= static_cast<size_t>(states_.size())) {
                const State& s = states_[order.back()].state;
                if (s.phase == Phase::Tail || s.stack == 0) break;
                const int32_t outer = completed(s.stack, 0);
                if (states_[outer].cost >= 0) break;
                order.push_back(outer);
            }
            while (!order.empty()) {
                states_[order.back()].cost = work_out_cost(order.back());
                order.pop_back();
            }
        }
        return states_[id].cost;
    }

    // The same where the lexeme ends an item whose text is known: later items have to differ from it.
    int32_t follow_item(int32_t id, int32_t edge, const std::string& item) {
        const State s = states_[follow(id, edge)].state;
        const int32_t value = JsonValues(meaning_.table()).read(item);
        const Frame& f = frames_[s.frame];
        Frame known{f.tuple, f.rest};
        for (int32_t& g : known.tuple) g = progress_.with_value(g, value);
        State next = s;
        next.frame = intern(std::move(known));
        const int32_t made = intern(next);
        item_origins_.emplace(made, id);
        return made;
    }

    // Whether any string but those that came may be the next item of an array whose items differ, or any of the later ones,
    // and the array may end before and after each: then no string that begins with more than is known rules anything out.
    bool takes_any_string(int32_t id) {
        if (states_[id].any_string < 0) {
            Frame f = frames_[states_[id].state.frame];
            for (int32_t& g : f.tuple) g = progress_.without_values(g);
            const int32_t first = after_any_string(intern(std::move(f)));
            states_[id].any_string = first >= 0 && after_any_string(first) == first;
        }
        return states_[id].any_string == 1;
    }

    // Whatever begins with one of these names, of the texts of a member's name lexeme.
    int32_t named(const Names* names) {
        std::vector<std::string> list;
        for (const Names* n = names; n; n = n->before) list.push_back(n->name);
        Expressions& e = lexer_.expressions();
        ByteSet open = ByteSet::all() - ByteSet::single('"');
        int32_t rest = e.concat(quote_, e.concat(meaning_.texts().literals(list), e.concat(quote_, Expressions::kAll)));
        return e.concat(e.repeat(e.bytes(open), 0, -1), rest);
    }

    int64_t count() const { return static_cast<int64_t>(states_.size()); }
    int64_t memory() const {
        return bytes_ + meaning_.formulas_memory() + progress_.memory() + sat_.memory() +
               static_cast<int64_t>(states_.size() * (sizeof(Known) + 64) + frames_.size() * (sizeof(Frame) + 96) + stacks_.size() * 96 +
                                    item_origins_.size() * 32);
    }
    int64_t unproved() const { return static_cast<int64_t>(sat_.unproved().size()); }

  private:
    friend class JsonAround;
    friend class JsonUnproved;
    friend class JsonWhere;
    static constexpr int32_t kFewAlternatives = 4;

    struct Known {
        State state;
        bool ready = false;
        std::vector<Edge> edges;
        int64_t cost = -1;
        int8_t any_string = -1;   // memo of takes_any_string
    };
    struct Frame {
        std::vector<int32_t> tuple;
        Rest rest;
    };
    // A container that a value stands in: what it is after the value, by the value's outcome.
    struct Stack {
        int32_t parent = -1;
        int level = 0;
        std::vector<int32_t> frames;
    };

    // Patterns are read when the schema is, so that a bad one is an error of compiling and never one of filling a mask.
    void check_texts() {
        for (const SchemaNode& n : meaning_.table().nodes) {
            if (n.string && n.string->pattern >= 0) check_pattern(n.string->pattern, "pattern", n.place, "/pattern");
            if (n.object)
                for (const auto& p : n.object->patterns) check_pattern(p.first, "patternProperties", meaning_.table().nodes[p.second].place, "");
        }
    }

    void check_pattern(int32_t pattern, const char* keyword, int32_t place, const char* within) {
        try {
            meaning_.texts().pattern(meaning_.table().text(pattern));
        } catch (SchemaError& error) {
            error.pointer = meaning_.table().pointer(place) + within;
            error.keyword = keyword;
            throw;
        }
    }

    int64_t work_out_cost(int32_t id) {
        const State s = states_[id].state;
        if (s.phase == Phase::Tail) return 0;
        int64_t best = kFar;
        auto consider = [&](int64_t here, size_t outcome) {
            if (here < kFar) best = std::min(best, here + cost(completed(s.stack, static_cast<int32_t>(outcome))));
        };
        if (s.phase == Phase::Value) {
            const std::vector<int32_t> goals = lists_[s.goals];
            for (size_t i = 0; i < goals.size(); ++i) consider(costs_.length(s.prefix) + costs_.value(goals[i]), i);
            return best;
        }
        const Frame f = frames_[s.frame];
        const bool first = s.phase == Phase::FirstMember || s.phase == Phase::FirstItem;
        for (size_t i = 0; i < f.tuple.size(); ++i)
            consider(f.rest.object ? costs_.members(f.tuple[i], f.rest, s.level, first) : costs_.items(f.tuple[i], s.level, first), i);
        return best;
    }

    // --- what is expected

    void add(std::vector<Edge>& edges, int32_t expr, Step step, int32_t a) { edges.push_back({lexer_.state(expr), step, a}); }

    uint8_t flags(const State& s, const Edge& e) const {
        if (s.phase == Phase::FirstItem && e.target >= 0 && e.step != Step::Close) return e.flags;   // worked out with the item
        auto tracked = [&](int32_t frame) { return frames_[frame].rest.tracked; };
        uint8_t result = 0;
        if (e.step == Step::OpenObject || e.step == Step::OpenArray) {
            if (tracked(e.a)) result |= e.step == Step::OpenArray ? kOpens | kOpensArray : kOpens;
        } else if (e.step == Step::OtherKey) {
            result |= kName;
        } else if (e.step == Step::Comma) {
            if (tracked(s.frame)) result |= kNextItem;
        } else if (e.step == Step::Close) {
            if (tracked(s.frame)) result |= kCloses;
        }
        if ((e.step == Step::Scalar || e.step == Step::Close) && s.stack != 0) {
            const Frame& around = frames_[stacks_[s.stack].frames[static_cast<size_t>(e.a)]];
            if (!around.rest.object && around.rest.tracked) result |= kEndsItem;
        }
        return result;
    }

    int32_t with_prefix(int32_t prefix, int32_t expr) { return lexer_.expressions().concat(prefix, expr); }

    void value(const State& s, std::vector<Edge>& edges) {
        const std::vector<int32_t> goals = lists_[s.goals];
        Expressions& e = lexer_.expressions();
        static const std::pair<Kind, const char*> literals[] = {{Kind::Null, "null"}, {Kind::False, "false"}, {Kind::True, "true"}};
        for (size_t i = 0; i < goals.size(); ++i) {
            const auto outcome = static_cast<int32_t>(i);
            if (int32_t content = meaning_.bounded_strings(goals[i]); meaning_.alive(content))
                add(edges, with_prefix(s.prefix, e.concat(quote_, e.concat(content, quote_))), Step::Scalar, outcome);
            if (int32_t numerals = meaning_.bounded_numbers(goals[i]); meaning_.alive(numerals))
                add(edges, with_prefix(s.prefix, numerals), Step::Scalar, outcome);
            for (const auto& literal : literals)
                if (meaning_.expand(goals[i], literal.first) == Formulas::kTrue)
                    add(edges, with_prefix(s.prefix, layout_.text(literal.second)), Step::Scalar, outcome);
        }
        for (int32_t f : frames(goals, Kind::Object)) add(edges, with_prefix(s.prefix, layout_.text("{")), Step::OpenObject, f);
        for (int32_t f : frames(goals, Kind::Array)) add(edges, with_prefix(s.prefix, layout_.text("[")), Step::OpenArray, f);
    }

    // The containers that a value of a kind may be: one, unless it is one of many alternatives. Those are followed side by
    // side, since what a member means for all of them at once can be as much as two to the power of their number.
    std::vector<int32_t> frames(const std::vector<int32_t>& goals, Kind kind) {
        Frame f;
        bool some = false;
        for (int32_t g : goals) {
            f.tuple.push_back(kind == Kind::Array ? sat_.items_of(g) : meaning_.expand(g, kind));
            some |= f.tuple.back() != Formulas::kFalse;
        }
        if (!some) return {};
        f.rest.object = kind == Kind::Object;
        std::vector<Frame> alternatives;
        if (f.tuple.size() == 1)
            for (int32_t g : split(f.tuple[0])) alternatives.push_back({{g}, f.rest});
        else alternatives.push_back(f);
        std::vector<Frame> open;
        bool tracked = false;
        for (Frame& a : alternatives) {
            if (a.rest.object) a.rest.plan = progress_.plan_of(a.tuple);
            if (!sat_.possible(a.tuple, a.rest)) continue;
            tracked |= a.rest.object ? takes_others(a) : has_unique(a);
            open.push_back(std::move(a));
        }
        std::vector<int32_t> ids;
        for (Frame& a : open) {
            a.rest.tracked = tracked;
            ids.push_back(intern(std::move(a)));
        }
        return ids;
    }

    // Alternatives of a formula: of the largest disjunction among its parts, if that is large.
    std::vector<int32_t> split(int32_t f) {
        Formulas& formulas = meaning_.formulas();
        std::vector<int32_t> parts = formulas.at(f).op == FOp::And ? formulas.args(f) : std::vector<int32_t>{f};
        size_t largest = parts.size();
        int32_t most = kFewAlternatives;
        for (size_t i = 0; i < parts.size(); ++i)
            if (formulas.at(parts[i]).op == FOp::Or && formulas.at(parts[i]).count > most) {
                most = formulas.at(parts[i]).count;
                largest = i;
            }
        if (largest == parts.size()) return {f};
        std::vector<int32_t> result;
        for (int32_t option : formulas.args(parts[largest])) {
            std::vector<int32_t> with = parts;
            with[largest] = option;
            result.push_back(formulas.all(std::move(with)));
        }
        std::sort(result.begin(), result.end());
        result.erase(std::unique(result.begin(), result.end()), result.end());
        return result;
    }

    // Whether an undeclared member may come in an object.
    bool takes_others(const Frame& f) {
        for (int32_t id : progress_.plan(f.rest.plan).others)
            for (int32_t g : f.tuple)
                if (progress_.after_key(g, id) != Formulas::kFalse) {
                    const Members& m = sat_.members(g);
                    if (!m.simple() || (m.high != 0 && sat_.member_goal(m.forms, id) != Formulas::kFalse)) return true;
                }
        return false;
    }

    bool has_unique(const Frame& f) const {
        bool found = false;
        for (int32_t g : f.tuple)
            meaning_.formulas().each_leaf(g, [&](int32_t leaf) { found |= meaning_.formulas().at(leaf).op == FOp::Unique; });
        return found;
    }

    void member(const State& s, std::vector<Edge>& edges) {
        const Frame f = frames_[s.frame];
        const bool first = s.phase == Phase::FirstMember;
        const Plan& plan = progress_.plan(f.rest.plan);
        Expressions& e = lexer_.expressions();
        const int32_t before = layout_.before(s.level, first);
        for (size_t i = 0; i < plan.declared.size(); ++i) {
            const auto place = static_cast<int32_t>(i);
            if (!sat_.available(f.rest, place) || !may_open(s.frame, f, plan.declared[i], place)) continue;
            add(edges, e.concat(before, key_lexeme(progress_.key(plan.declared[i]))), Step::Key, place);
        }
        for (size_t i = 0; i < plan.others.size(); ++i) {
            const int32_t id = plan.others[i];
            if (!may_open(s.frame, f, id, -1)) continue;
            const int32_t names = progress_.content(id);
            if (!meaning_.alive(names)) continue;
            add(edges, e.concat(before, e.concat(quote_, e.concat(names, e.concat(quote_, layout_.colon())))), Step::OtherKey, static_cast<int32_t>(i));
        }
        close(s, f, first ? layout_.close_empty('}') : layout_.close(s.level, '}'), edges);
    }

    // A member's name in quotes, up to its value.
    int32_t key_lexeme(int32_t text) {
        int32_t& known = key_lexemes_[text];
        if (known == 0) {
            Expressions& e = lexer_.expressions();
            known = e.concat(quote_, e.concat(meaning_.spelled({meaning_.table().text(text)}), e.concat(quote_, layout_.colon())));
        }
        return known;
    }

    void item(const State& s, std::vector<Edge>& edges) {
        const Frame f = frames_[s.frame];
        const bool first = s.phase == Phase::FirstItem;
        const Branching& b = next_item(s.frame, f);
        if (b.goals >= 0) {
            if (first) {
                // The lexemes of the first item itself, after the whitespace that the layout wants there.
                const State inner = item_state(s, b, layout_.before(s.level, true));
                const int32_t target = intern(inner);
                std::vector<Edge> own = expect(target);
                for (size_t i = 0; i < own.size(); ++i) {
                    own[i].target = follow(target, static_cast<int32_t>(i));
                    edges.push_back(own[i]);
                }
            } else {
                add(edges, layout_.before(s.level, false), Step::Comma, 0);
            }
        }
        close(s, f, first ? layout_.close_empty(']') : layout_.close(s.level, ']'), edges);
    }

    // The array after an item that any string may be, if it may end before; -1 where it is not so.
    int32_t after_any_string(int32_t frame) {
        const Frame f = frames_[frame];
        if (std::none_of(f.tuple.begin(), f.tuple.end(), [this](int32_t g) { return progress_.holds_at_end(g); })) return -1;
        const Branching b = next_item(frame, f);
        if (b.goals < 0) return -1;
        const std::vector<int32_t> goals = lists_[b.goals];
        for (size_t i = 0; i < goals.size(); ++i)
            if (meaning_.strings(goals[i]) == meaning_.texts().any()) return b.frames[i];
        return -1;
    }

    void close(const State&, const Frame& f, int32_t expr, std::vector<Edge>& edges) {
        for (size_t i = 0; i < f.tuple.size(); ++i)
            if (progress_.holds_at_end(f.tuple[i])) {
                add(edges, expr, Step::Close, static_cast<int32_t>(i));
                return;   // outcomes are disjoint
            }
    }

    // --- what a member or item opens: the goals of its value, and the frame after each outcome

    struct Branching {
        int32_t goals = -1;             // -1: it may not come
        std::vector<int32_t> frames;
    };

    bool may_open(int32_t frame_id, const Frame& f, int32_t key_class, int32_t place) {
        if (f.tuple.size() == 1) {
            const Members& m = sat_.members(f.tuple[0]);
            if (m.simple()) return sat_.member_goal(m.forms, key_class) != Formulas::kFalse && sat_.may_take(m, f.rest, place);
        }
        const uint64_t key = branching_key(frame_id, key_class);
        auto known = branchings_.find(key);
        if (known != branchings_.end()) return known->second.goals >= 0;
        auto found = opens_.find(key);
        if (found != opens_.end()) return found->second;
        std::vector<int32_t> tuple;
        for (int32_t g : f.tuple) tuple.push_back(progress_.after_key(g, key_class));
        const bool made = sat_.some_outcome(std::move(tuple), sat_.after(f.rest, place));
        opens_.emplace(key, made);
        return made;
    }

    static uint64_t branching_key(int32_t frame_id, int32_t key_class) {
        return (static_cast<uint64_t>(static_cast<uint32_t>(frame_id)) << 32) | static_cast<uint32_t>(key_class + 1);
    }

    const Branching& branching(int32_t frame_id, const Frame& f, int32_t key_class, int32_t place) {
        const uint64_t key = branching_key(frame_id, key_class);
        auto known = branchings_.find(key);
        if (known != branchings_.end()) return known->second;
        std::vector<int32_t> tuple;
        for (int32_t g : f.tuple) tuple.push_back(progress_.after_key(g, key_class));
        Branching made = branch(std::move(tuple), sat_.after(f.rest, place));
        return branchings_.emplace(key, std::move(made)).first->second;
    }

    const Branching& next_item(int32_t frame_id, const Frame& f) {
        const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(frame_id)) << 32;
        auto known = branchings_.find(key);
        if (known != branchings_.end()) return known->second;
        std::vector<int32_t> tuple;
        for (int32_t g : f.tuple) tuple.push_back(progress_.after_item(g));
        Branching made = branch(std::move(tuple), f.rest);
        return branchings_.emplace(key, std::move(made)).first->second;
    }

    Branching branch(std::vector<int32_t> tuple, const Rest& rest) {
        Branching b;
        std::vector<int32_t> goals;
        for (Outcome& o : sat_.outcomes(std::move(tuple), rest)) {
            goals.push_back(o.goal);
            b.frames.push_back(intern(Frame{std::move(o.tuple), rest}));
        }
        if (!goals.empty()) b.goals = list(std::move(goals));
        return b;
    }

    // --- what follows

    int32_t make_target(const State& s, const Edge& e) {
        switch (e.step) {
            case Step::Scalar: return completed(s.stack, e.a);
            case Step::Close: return completed(s.stack, e.a);
            case Step::OpenObject:
            case Step::OpenArray: {
                State next{e.step == Step::OpenObject ? Phase::FirstMember : Phase::FirstItem};
                next.frame = e.a;
                next.stack = s.stack;
                next.level = s.level;
                return intern(next);
            }
            case Step::Key:
            case Step::OtherKey: {
                const Frame f = frames_[s.frame];
                const Plan& plan = progress_.plan(f.rest.plan);
                const bool declared = e.step == Step::Key;
                const Branching& b = branching(s.frame, f, declared ? plan.declared[e.a] : plan.others[e.a], declared ? e.a : -1);
                return intern(item_state(s, b, Expressions::kEpsilon));
            }
            case Step::Comma: return intern(item_state(s, next_item(s.frame, frames_[s.frame]), Expressions::kEpsilon));
            default: {
                State tail{Phase::Tail};
                tail.level = 1;   // after the whitespace
                return intern(tail);
            }
        }
    }

    State item_state(const State& s, const Branching& b, int32_t prefix) {
        State next{Phase::Value};
        next.goals = b.goals;
        next.stack = push({s.stack, s.level, b.frames});
        next.level = layout_.deeper(s.level);
        next.prefix = prefix;
        return next;
    }

    int32_t completed(int32_t stack, int32_t outcome) {
        if (stack == 0) return intern(State{Phase::Tail});
        const Stack& top = stacks_[stack];
        State next{frames_[top.frames[outcome]].rest.object ? Phase::NextMember : Phase::NextItem};
        next.frame = top.frames[outcome];
        next.stack = top.parent;
        next.level = top.level;
        return intern(next);
    }

    // --- hash-consing

    int32_t list(std::vector<int32_t> goals) {
        auto found = list_ids_.emplace(goals, static_cast<int32_t>(lists_.size()));
        if (found.second) lists_.push_back(std::move(goals));
        return found.first->second;
    }

    int32_t intern(Frame f) {
        uint64_t h = mix(mix(f.rest.object, static_cast<uint32_t>(f.rest.plan)), mix(static_cast<uint32_t>(f.rest.seen), static_cast<uint32_t>(f.rest.rank)));
        for (int32_t g : f.tuple) h = mix(h, static_cast<uint32_t>(g));
        const int32_t known = frame_ids_.find(h, [&](int32_t id) {
            const Frame& o = frames_[id];
            return o.tuple == f.tuple && o.rest.object == f.rest.object && o.rest.plan == f.rest.plan && o.rest.seen == f.rest.seen && o.rest.rank == f.rest.rank &&
                   o.rest.tracked == f.rest.tracked;
        });
        if (known >= 0) return known;
        frame_ids_.insert(h, static_cast<int32_t>(frames_.size()));
        frames_.push_back(std::move(f));
        return static_cast<int32_t>(frames_.size()) - 1;
    }

    int32_t push(Stack s) {
        uint64_t h = mix(static_cast<uint32_t>(s.parent), static_cast<uint64_t>(s.level));
        for (int32_t f : s.frames) h = mix(h, static_cast<uint32_t>(f));
        const int32_t known = stack_ids_.find(h, [&](int32_t id) {
            return stacks_[id].parent == s.parent && stacks_[id].level == s.level && stacks_[id].frames == s.frames;
        });
        if (known >= 0) return known;
        stack_ids_.insert(h, static_cast<int32_t>(stacks_.size()));
        stacks_.push_back(std::move(s));
        return static_cast<int32_t>(stacks_.size()) - 1;
    }

    int32_t intern(const State& s) {
        uint64_t h = mix(mix(static_cast<uint64_t>(s.phase), static_cast<uint32_t>(s.goals)), mix(static_cast<uint32_t>(s.frame), static_cast<uint32_t>(s.stack)));
        h = mix(h, mix(static_cast<uint64_t>(s.level), static_cast<uint32_t>(s.prefix)));
        const int32_t known = state_ids_.find(h, [&](int32_t id) { return states_[id].state == s; });
        if (known >= 0) return known;
        state_ids_.insert(h, static_cast<int32_t>(states_.size()));
        states_.push_back({s, false, {}, -1, -1});
        return static_cast<int32_t>(states_.size()) - 1;
    }

    Meaning meaning_;
    Progress progress_;
    Satisfiability sat_;
    JsonLayout layout_;
    Costs costs_;
    Lexer& lexer_;
    int32_t quote_ = 0, root_ = 0;
    std::unordered_map<int32_t, int32_t> key_lexemes_;   // memo, by the name's text
    int64_t bytes_ = 0;
    std::deque<Known> states_;
    std::deque<Frame> frames_;
    std::deque<Stack> stacks_;
    std::vector<std::vector<int32_t>> lists_;
    std::map<std::vector<int32_t>, int32_t> list_ids_;
    std::unordered_map<uint64_t, Branching> branchings_;
    std::unordered_map<uint64_t, bool> opens_;   // memo of may_open, where no branching was needed
    IdTable frame_ids_, stack_ids_, state_ids_;
    std::unordered_map<int32_t, int32_t> item_origins_;   // of states after an item whose text is known: where it was read
};

}  // namespace guidedgen
