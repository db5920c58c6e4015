// LALR(1) automata of random rules, as the pool row that `lalr_table.py` describes: with a scanner for each state, one for all or none,
// with ignored terminals, and with indentation. A shift wins over a reduction, of reductions the rule that comes first.
#pragma once

#include <map>
#include <set>
#include <utility>

#include "source.h"

namespace guidedgen::fuzz {

class LalrSource {
  public:
    // `terminals`: symbols of the table that may be read; `newline`: one of them for lines, or -1 where there is no indentation.
    LalrSource(Source& source, std::vector<int32_t> terminals, int32_t newline) : symbols_(std::move(terminals)) {
        if (newline >= 0) {
            newline_ = size(symbols_);
            symbols_.insert(symbols_.end(), {newline, -1, -1});   // _INDENT and _DEDENT have no texts
        }
        draw_rules(source);
        build_states();
        draw_scanners(source);
        for (int32_t n = source.below(3); n > 0; --n) ignored_.push_back(source.below(size(symbols_) - (newline_ >= 0 ? 3 : 0)));
        if (newline_ >= 0 && source.below(2)) {
            opening_.push_back(0);
            closing_.push_back(size(symbols_) > 4 ? 1 : 0);
        }
    }

    int32_t nonterminals() const { return nonterminals_; }

    // `names`: a symbol for each nonterminal.
    std::vector<int32_t> row(const std::vector<int32_t>& names) const {
        const Lists bodies = flat(rules_, [](const Rule& r, auto add) { for (int32_t s : r.body) add(s, 0); });
        const Lists actions = flat(actions_, [](const Table& t, auto add) { for (const auto& [on, what] : t) add(on, what); });
        const Lists gotos = flat(gotos_, [](const Table& t, auto add) { for (const auto& [on, to] : t) add(on, to); });
        const Lists kernels = flat(kernels_, [](const Kernel& k, auto add) { for (const auto& [rule, place] : k) add(rule, place); });
        const Lists orders = flat(orders_, [](const std::vector<int32_t>& o, auto add) { for (int32_t t : o) add(t, 0); });
        const Lists owners = flat(owners_, [](const std::vector<int32_t>& o, auto add) { for (int32_t t : o) add(t, 0); });
        const int32_t indent = newline_ < 0 ? -1 : newline_ + 1, dedent = newline_ < 0 ? -1 : newline_ + 2;
        std::vector<int32_t> row{size(actions_), size(symbols_), nonterminals_, size(rules_), 0, end_, newline_, indent, dedent, 4, 3,
                                 size(resolved_), size(ignored_), size(opening_), size(closing_), size(bodies.keys), size(actions.keys),
                                 size(gotos.keys), size(kernels.keys), size(orders_), size(orders.keys), size(owners.keys), 0};
        const Lists left = flat(rules_, [](const Rule& r, auto add) { add(r.left, 0); });
        const std::vector<int32_t> resolved(resolved_.begin(), resolved_.end());
        const std::vector<int32_t> no_ways(orders.keys.size() + 1, 0);   // no scanner tells what it reads
        for (const std::vector<int32_t>* list : {&symbols_, &names, &resolved, &ignored_, &opening_, &closing_, &left.keys, &bodies.first, &bodies.keys,
                                                 &actions.first, &actions.keys, &actions.values, &gotos.first, &gotos.keys, &gotos.values,
                                                 &kernels.first, &kernels.keys, &kernels.values, &scanner_of_, &orders.first, &orders.keys,
                                                 &owners.first, &owners.keys, &no_ways})
            row.insert(row.end(), list->begin(), list->end());
        return row;
    }

  private:
    struct Rule {
        int32_t left;
        std::vector<int32_t> body;   // terminals, and -1 - nonterminal
    };
    struct Lists {
        std::vector<int32_t> first{0}, keys, values;
    };
    using Item = std::pair<int32_t, int32_t>;              // a rule and a place in it
    using Kernel = std::set<Item>;
    using Ahead = std::map<Item, std::set<int32_t>>;       // what may follow each
    using Table = std::map<int32_t, int32_t>;

    template <class C>
    static int32_t size(const C& list) { return static_cast<int32_t>(list.size()); }

    template <class C, class F>
    static Lists flat(const C& lists, F each) {
        Lists result;
        for (const auto& entry : lists) {
            each(entry, [&](int32_t key, int32_t value) {
                result.keys.push_back(key);
                result.values.push_back(value);
            });
            result.first.push_back(size(result.keys));
        }
        return result;
    }

    void draw_rules(Source& source) {
        nonterminals_ = 2 + source.below(3);
        rules_.push_back({0, {-2}});
        for (int32_t n = 1; n < nonterminals_; ++n)
            for (int32_t option = source.below(3); option >= 0; --option) {
                Rule rule{n, {}};
                for (int32_t k = source.below(5); k > 0; --k) {
                    const int32_t choice = source.below(size(symbols_) + nonterminals_ - 1);
                    rule.body.push_back(choice < size(symbols_) ? choice : -2 - (choice - size(symbols_)));
                }
                rules_.push_back(std::move(rule));
            }
    }

    const std::vector<int32_t>& body(const Item& item) const { return rules_[static_cast<size_t>(item.first)].body; }
    bool complete(const Item& item) const { return item.second == size(body(item)); }
    int32_t next(const Item& item) const { return body(item)[static_cast<size_t>(item.second)]; }

    // With what the rest of a rule can begin; whether it may be empty.
    bool first_of(const std::vector<int32_t>& body, size_t from, std::set<int32_t>& into) const {
        for (size_t k = from; k < body.size(); ++k) {
            if (body[k] >= 0) {
                into.insert(body[k]);
                return false;
            }
            const auto& known = first_[static_cast<size_t>(-1 - body[k])];
            into.insert(known.begin(), known.end());
            if (!empty_[static_cast<size_t>(-1 - body[k])]) return false;
        }
        return true;
    }

    void compute_first() {
        first_.resize(static_cast<size_t>(nonterminals_));
        empty_.resize(static_cast<size_t>(nonterminals_));
        for (bool changed = true; changed;) {
            changed = false;
            for (const Rule& rule : rules_) {
                std::set<int32_t> found = first_[static_cast<size_t>(rule.left)];
                const bool empty = first_of(rule.body, 0, found) || empty_[static_cast<size_t>(rule.left)];
                changed = changed || found != first_[static_cast<size_t>(rule.left)] || empty != empty_[static_cast<size_t>(rule.left)];
                first_[static_cast<size_t>(rule.left)] = std::move(found);
                empty_[static_cast<size_t>(rule.left)] = empty;
            }
        }
    }

    Ahead closure(Ahead items) const {
        for (bool changed = true; changed;) {
            changed = false;
            for (const auto& [item, ahead] : Ahead(items)) {
                if (complete(item) || next(item) >= 0) continue;
                std::set<int32_t> follow;
                if (first_of(body(item), static_cast<size_t>(item.second) + 1, follow)) follow.insert(ahead.begin(), ahead.end());
                for (int32_t r = 0; r < size(rules_); ++r) {
                    if (rules_[static_cast<size_t>(r)].left != -1 - next(item)) continue;
                    const bool fresh = items.count({r, 0}) == 0;
                    std::set<int32_t>& known = items[{r, 0}];
                    const size_t before = known.size();
                    known.insert(follow.begin(), follow.end());
                    changed = changed || fresh || known.size() > before;
                }
            }
        }
        return items;
    }

    void build_states() {
        compute_first();
        const int32_t end_of_text = size(symbols_);
        std::map<Kernel, int32_t> numbers{{{{0, 0}}, 0}};
        std::vector<Ahead> states{{{{0, 0}, {end_of_text}}}};
        kernels_ = {{{0, 0}}};
        std::vector<Table> to(1);
        for (bool changed = true; changed;) {
            changed = false;
            for (size_t s = 0; s < states.size(); ++s) {
                std::map<int32_t, Ahead> moved;
                for (const auto& [item, ahead] : closure(states[s]))
                    if (!complete(item)) moved[next(item)][{item.first, item.second + 1}] = ahead;
                for (const auto& [symbol, items] : moved) {
                    Kernel kernel;
                    for (const auto& entry : items) kernel.insert(entry.first);
                    const auto [found, fresh] = numbers.emplace(kernel, size(states));
                    if (fresh) {
                        states.emplace_back();
                        kernels_.push_back(kernel);
                        to.emplace_back();
                    }
                    to[s][symbol] = found->second;
                    for (const auto& [item, ahead] : items) {
                        std::set<int32_t>& known = states[static_cast<size_t>(found->second)][item];
                        const size_t before = known.size();
                        known.insert(ahead.begin(), ahead.end());
                        changed = changed || fresh || known.size() > before;
                    }
                }
            }
        }
        end_ = to[0].at(-2);
        for (size_t s = 0; s < states.size(); ++s) decide(closure(states[s]), to[s]);
    }

    void decide(const Ahead& items, const Table& to) {
        Table actions, gotos;
        for (const auto& [symbol, state] : to) (symbol >= 0 ? actions[symbol] : gotos[-1 - symbol]) = state;
        for (const auto& [item, ahead] : items) {
            if (!complete(item) || item.first == 0) continue;
            for (int32_t terminal : ahead)
                if (!actions.emplace(terminal, -1 - item.first).second) resolved_.insert(item.first);
        }
        actions_.push_back(std::move(actions));
        gotos_.push_back(std::move(gotos));
    }

    void draw_scanners(Source& source) {
        const int32_t kind = source.below(3);
        if (kind == 0) return;   // whatever the state accepts may be read, as far as it likes
        const int32_t texts = size(symbols_) - (newline_ >= 0 ? 2 : 0);
        const bool backwards = source.below(2) == 1;
        const int32_t owned = source.below(4) == 0 ? source.below(texts) : -1;   // its texts are its own although another takes them
        std::map<std::vector<int32_t>, int32_t> numbers;
        for (const Table& actions : actions_) {
            std::vector<int32_t> order;
            for (int32_t k = 0; k < texts; ++k) {
                const int32_t terminal = backwards ? texts - 1 - k : k;
                if (kind == 1 && !actions.count(terminal) && terminal != newline_ && terminal > 0) continue;
                if (terminal != owned || k == 0) order.push_back(terminal);
            }
            const auto [found, fresh] = numbers.emplace(order, size(orders_));
            scanner_of_.push_back(found->second);
            if (!fresh) continue;
            for (int32_t terminal : order) owners_.push_back(terminal != owned && owned >= 0 ? std::vector<int32_t>{owned} : std::vector<int32_t>{});
            orders_.push_back(order);
        }
    }

    std::vector<int32_t> symbols_, ignored_, opening_, closing_, scanner_of_;
    std::vector<Rule> rules_;
    std::vector<std::set<int32_t>> first_;
    std::vector<bool> empty_;
    std::vector<Kernel> kernels_;
    std::vector<Table> actions_, gotos_;
    std::vector<std::vector<int32_t>> orders_, owners_;
    std::set<int32_t> resolved_;
    int32_t nonterminals_ = 0, newline_ = -1, end_ = 0;
};

}  // namespace guidedgen::fuzz
