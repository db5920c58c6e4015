// What a position says about itself for people: the symbols that are being read or may come next, and places of a schema.
#pragma once

#include "json_where.h"
#include "positions.h"

namespace guidedgen {

class Places {
  public:
    explicit Places(Arena& arena) : arena_(arena) {}

    // Symbols of the terminals that are being read or may come next.
    std::vector<int32_t> labels(const Position* p) {
        std::vector<int32_t> result;
        auto add_items = [&](const auto& after) {
            for (const Item& i : after)
                if (!is_json(i)) result.push_back(arena_.rows().symbols().slot(i.slot - 1).symbol);
        };
        auto add_expected = [&](const Expected& e) {
            if (e.after) add_items(*e.after);
            if (e.edge >= 0) result.push_back(arena_.rows().symbols().json_symbol(json_state(e.item)));
            if (e.read >= 0) result.push_back(arena_.rows().symbols().lalr_at(e.item.slot).terminal_symbol[e.read & ~Expected::kIgnored]);
        };
        for (const Reading& r : p->front.reading) add_expected(r.row->terminals[r.index]);
        if (Row* row = p->front.between) {
            arena_.viability().settle(row);
            for (const Expected& e : row->terminals)
                if (!arena_.lexer().first(e.start).empty()) add_expected(e);
            for (const ExpectedTokens& e : row->tokens) add_items(e.after);
        }
        std::sort(result.begin(), result.end());
        result.erase(std::unique(result.begin(), result.end()), result.end());
        if (!result.empty() && result[0] < 0) result.erase(result.begin());   // a schema that is no part of a grammar
        return result;
    }

    // The places of a schema where the position stands, one for each way of reading the text. `byte`: what was refused, or -1.
    std::vector<JsonPlace> where(const Position* p, int byte) {
        std::vector<JsonPlace> places;
        if (!arena_.rows().symbols().has_json()) return places;
        JsonTexts& json = arena_.rows().symbols().json();
        auto add = [&](int32_t state, const std::vector<Begun>& begun) {
            places.push_back(JsonWhere(json.machine(state)).at(json.local(state), begun, byte));
        };
        Row* row = p->front.between;
        // Where a text can stop being a number, or whitespace, only a number's own bytes can be about what has begun.
        const bool goes_on = byte > 0 && std::strchr("0123456789.eE+-", byte);
        if (!row || goes_on)
            for (const auto& state : begun(p->front, byte, row != nullptr)) add(state.first, state.second);
        if (!row || !places.empty()) return places;
        arena_.rows().close(row);
        std::set<int32_t> states;
        for (const Item& item : row->items)
            if (is_json(item)) states.insert(json_state(item));
        for (const Expected& e : row->terminals)
            if (e.edge >= 0) states.insert(json_state(e.item));
        for (int32_t state : states) add(state, {});
        return places;
    }

  private:
    // The lexemes of JSON that are being read, by the state that expected them.
    std::map<int32_t, std::vector<Begun>> begun(const Front& front, int byte, bool only_scalars) {
        std::map<int32_t, std::vector<Begun>> found;
        for (const Reading& r : front.reading) {
            const Expected& e = r.row->terminals[r.index];
            if (e.edge < 0) continue;
            if (only_scalars && arena_.rows().symbols().json().expect(json_state(e.item))[e.edge].step != JsonMachine::Step::Scalar) continue;
            Begun b{e.edge, r.state, false, ""};
            if (r.flags() & JsonMachine::kName) {
                b.name = name_in(r.text).name;
                b.repeats = byte == '"' && arena_.lexer().next(r.state, '"');
            }
            found[json_state(e.item)].push_back(std::move(b));
        }
        return found;
    }

    Arena& arena_;
};

}  // namespace guidedgen
