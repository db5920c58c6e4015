// The JSON texts of a schema as a lazily built pushdown automaton over lexemes.
//
// A state is a phase (before a value, before the first or the next member or item), what has to hold, and a stack of the
// containers around it. Each state expects a few lexemes with different languages; what follows each is worked out when it
// has been read. Rows (`rows.h`) hold such states as items, beside those of grammars.
#pragma once

#include "json_branches.h"
#include "json_cost.h"
#include "json_text_value.h"
#include "registers.h"

namespace guidedgen {

class JsonMachine : public JsonBranches {
  public:
    JsonMachine(std::shared_ptr<SchemaTable> table, const std::shared_ptr<Lexer>& lexer, std::shared_ptr<JsonLanguages> languages,
                const JsonOptions& options)
        : JsonBranches(std::move(table), lexer, std::move(languages), options), layout_(lexer->expressions(), options),
          costs_(meaning_, progress_, sat_, layout_), lexer_(*lexer), all_containers_(options.all_containers), quote_(layout_.text("\"")) {
        if (!lexer->expressions().complete()) meaning_.set_written(JsonWritten(layout_));
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
        if (!states_[id].ready) {
            const State s = states_[id].state;
            const bool alone = s.stack != 0 && s.phase != Phase::FirstItem && s.phase != Phase::Tail;
            std::vector<Edge> edges = alone ? expect_alone(s) : edges_of(s);
            for (Edge& e : edges) e.flags = flags(s, e);
            bytes_ += static_cast<int64_t>(edges.size() * sizeof(Edge));
            states_[id].edges = std::move(edges);
            states_[id].ready = true;
        }
        return states_[id].edges;
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

    // Whatever begins with one of these names, of the texts of a member's name lexeme.
    int32_t named(const Names* names) {
        std::vector<std::string> list;
        for (const Names* n = names; n; n = n->before) list.push_back(n->name);
        Expressions& e = lexer_.expressions();
        ByteSet open = ByteSet::all() - ByteSet::single('"');
        int32_t rest = e.concat(quote_, e.concat(meaning_.texts().literals(list), e.concat(quote_, Expressions::kAll)));
        return e.concat(e.repeat(e.bytes(open), 0, -1), rest);
    }

    int64_t memory() const {
        return states_memory() + meaning_.formulas_memory() + progress_.memory() + sat_.memory() + static_cast<int64_t>(item_origins_.size() * 32);
    }
    int64_t unproved() const { return static_cast<int64_t>(sat_.unproved().size()); }

  private:
    friend class JsonAround;
    friend class JsonUnproved;
    friend class JsonWhere;

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

    // What is expected does not depend on what the value or container stands in.
    std::vector<Edge> expect_alone(State s) {
        s.stack = 0;
        std::vector<Edge> edges = expect(intern(s));
        for (Edge& e : edges) e.target = -1;
        return edges;
    }

    std::vector<Edge> edges_of(const State& s) {
        std::vector<Edge> edges;
        switch (s.phase) {
            case Phase::Value: value(s, edges); break;
            case Phase::FirstMember:
            case Phase::NextMember: member(s, edges); break;
            case Phase::FirstItem:
            case Phase::NextItem: item(s, edges); break;
            case Phase::Tail:
                if (s.level == 0 && layout_.around() != Expressions::kEpsilon) add(edges, layout_.around(), Step::Space, 0);
        }
        return edges;
    }

    void add(std::vector<Edge>& edges, int32_t expr, Step step, int32_t a) { edges.push_back({lexer_.state(expr), step, a}); }

    uint8_t flags(const State& s, const Edge& e) const {
        if (s.phase == Phase::FirstItem && e.target >= 0 && e.step != Step::Close) return e.flags;   // worked out with the item
        auto tracked = [&](int32_t frame) { return frames_[frame].rest.tracked; };
        uint8_t result = 0;
        if (e.step == Step::OpenObject || e.step == Step::OpenArray) {
            if (tracked(e.a)) result |= e.step == Step::OpenArray ? kOpens | kOpensArray : kOpens;
            else if (all_containers_) result |= kOpens;
        } else if (e.step == Step::OtherKey) {
            result |= kName;
        } else if (e.step == Step::Comma) {
            if (tracked(s.frame)) result |= kNextItem;
        } else if (e.step == Step::Close) {
            if (all_containers_ || tracked(s.frame)) result |= kCloses;
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

    void member(const State& s, std::vector<Edge>& edges) {
        const Frame f = frames_[s.frame];
        const bool first = s.phase == Phase::FirstMember;
        const Plan& plan = progress_.plan(f.rest.plan);
        Expressions& e = lexer_.expressions();
        const int32_t before = layout_.before(s.level, first);
        for (size_t i = 0; i < plan.declared.size(); ++i) {
            const auto place = static_cast<int32_t>(i);
            if (!sat_.available(f.rest, place) || !may_open(s.frame, f, plan.declared[i], place)) continue;
            edges.push_back({key_state(before, progress_.key(plan.declared[i])), Step::Key, place});
        }
        for (size_t i = 0; i < plan.others.size(); ++i) {
            const int32_t id = plan.others[i];
            if (!may_open(s.frame, f, id, -1)) continue;
            const int32_t names = progress_.content(id);
            if (!meaning_.alive(names)) continue;
            add(edges, e.concat(before, e.concat(quote_, e.concat(names, e.concat(quote_, layout_.colon())))), Step::OtherKey, static_cast<int32_t>(i));
        }
        close(f, first ? layout_.close_empty('}') : layout_.close(s.level, '}'), edges);
    }

    // A member's name in quotes, up to its value, and what stands before it.
    LexState* key_state(int32_t before, int32_t text) {
        LexState*& known = key_states_[(static_cast<uint64_t>(before) << 32) | static_cast<uint32_t>(text)];
        if (!known) {
            Expressions& e = lexer_.expressions();
            int32_t& key = key_lexemes_[text];
            if (key == 0) key = e.concat(quote_, e.concat(meaning_.spelled({meaning_.table().text(text)}), e.concat(quote_, layout_.colon())));
            known = lexer_.state(e.concat(before, key));
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
        close(f, first ? layout_.close_empty(']') : layout_.close(s.level, ']'), edges);
    }

    void close(const Frame& f, int32_t expr, std::vector<Edge>& edges) {
        for (size_t i = 0; i < f.tuple.size(); ++i)
            if (progress_.holds_at_end(f.tuple[i])) {
                add(edges, expr, Step::Close, static_cast<int32_t>(i));
                return;   // outcomes are disjoint
            }
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

    JsonLayout layout_;
    Costs costs_;
    Lexer& lexer_;
    bool all_containers_;
    int32_t quote_, root_ = 0;
    std::unordered_map<int32_t, int32_t> key_lexemes_;    // memo, by the name's text
    std::unordered_map<uint64_t, LexState*> key_states_;  // the same behind what stands before it, by both
    std::unordered_map<int32_t, int32_t> item_origins_;   // of states after an item whose text is known: where it was read
};

}  // namespace guidedgen
