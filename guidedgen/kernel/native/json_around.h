// What is around a state of the JSON machine: the open containers, the goals that their values have, and the path.
//
// States are shared by all texts that lead to equal situations, so what came before is looked up backwards: every lexeme
// that was ever followed to a state. Where these ways differ, the step of the path is left open.
#pragma once

#include <set>

#include "json_machine.h"

namespace guidedgen {

struct JsonStep {
    bool known;
    std::string text;
};

class JsonAround {
  public:
    using Ids = std::set<int32_t>;

    // A container around what is being read: the goals of its value, and the states that it may have begun in.
    struct Level {
        Ids goals, values, firsts;
    };

    explicit JsonAround(JsonMachine& machine) : m_(machine) {
        for (size_t i = 0; i < m_.states_.size(); ++i)
            for (size_t e = 0; e < m_.states_[i].edges.size(); ++e)
                if (m_.states_[i].edges[e].target >= 0)
                    before_[m_.states_[i].edges[e].target].emplace_back(static_cast<int32_t>(i), static_cast<int32_t>(e));
        for (const auto& item : m_.item_origins_) before_[item.first].emplace_back(item.second, -1);
    }

    std::vector<Level> levels;      // innermost first
    std::vector<JsonStep> path;     // of the value, or of the container, that is being read

    // A state before or within a value.
    void of_value(int32_t id) {
        reset();
        Ids ways;
        const Ids containers = containers_of({id}, {}, ways);
        climb(containers);
        if (!ways.empty()) path.push_back(step_of(ways));
    }

    // A state before or within a member's name, or between items.
    void of_container(int32_t id) {
        reset();
        climb({id});
    }

    // The goals of the first item, where a state is before that; none where no item may come.
    std::vector<int32_t> first_goals(int32_t id) {
        const int32_t goals = m_.next_item(state(id).frame, m_.frames_[state(id).frame]).goals;
        return goals < 0 ? std::vector<int32_t>{} : m_.lists_[goals];
    }

    // The lexemes that led to a state: the state before, and the edge (-1: not known which).
    const std::vector<std::pair<int32_t, int32_t>>& before(int32_t id) { return before_[id]; }

  private:
    using State = JsonMachine::State;
    using Phase = JsonMachine::Phase;
    using Step = JsonMachine::Step;

    enum Way : int32_t { kUnknownName = -1, kFirstItem = -2, kLaterItem = -3 };   // into a value; else a key's text
    static constexpr size_t kDeepest = 1000;

    void reset() {
        levels.clear();
        path.clear();
    }

    const State& state(int32_t id) const { return m_.states_[id].state; }

    Level around(const Ids& containers) {
        Level found;
        Ids met = containers;
        std::vector<int32_t> work(met.begin(), met.end());
        const int32_t stack = work.empty() ? 0 : state(work[0]).stack;
        while (!work.empty()) {
            const int32_t now = work.back();
            work.pop_back();
            for (const auto& [from, edge] : before_[now]) {
                if (edge >= 0 && opens(m_.states_[from].edges[edge].step) && state(now).stack == stack) began(from, found);
                else if (met.insert(from).second) work.push_back(from);
            }
        }
        return found;
    }

    static bool opens(Step step) { return step == Step::OpenObject || step == Step::OpenArray; }

    void began(int32_t from, Level& found) {
        const State& s = state(from);
        (s.phase == Phase::Value ? found.values : found.firsts).insert(from);
        for (int32_t g : s.phase == Phase::Value ? m_.lists_[s.goals] : first_goals(from)) found.goals.insert(g);
    }

    // The containers that some values stand in, and the ways into them.
    Ids containers_of(const Ids& values, const Ids& firsts, Ids& ways) {
        Ids result = firsts;
        if (!firsts.empty()) ways.insert(kFirstItem);
        for (int32_t v : values)
            for (const auto& [from, edge] : before_[v]) {
                if (edge < 0) continue;
                result.insert(from);
                ways.insert(way(from, m_.states_[from].edges[edge]));
            }
        return result;
    }

    int32_t way(int32_t from, const JsonMachine::Edge& e) const {
        if (e.step != Step::Key) return e.step == Step::Comma ? kLaterItem : kUnknownName;
        return m_.progress_.key(m_.progress_.plan(m_.frames_[state(from).frame].rest.plan).declared[e.a]);
    }

    JsonStep step_of(const Ids& ways) const {
        const int32_t way = *ways.begin();
        if (ways.size() > 1 || way == kUnknownName || way == kLaterItem) return {false, ""};
        return {true, way == kFirstItem ? "0" : m_.meaning_.table().text(way)};
    }

    void climb(Ids containers) {
        while (!containers.empty() && levels.size() < kDeepest) {
            levels.push_back(around(containers));
            Ids ways;
            containers = containers_of(levels.back().values, levels.back().firsts, ways);
            if (!ways.empty()) path.push_back(step_of(ways));
        }
        std::reverse(path.begin(), path.end());
    }

    JsonMachine& m_;
    std::unordered_map<int32_t, std::vector<std::pair<int32_t, int32_t>>> before_;   // state -> what led to it: state, edge
};

}  // namespace guidedgen
