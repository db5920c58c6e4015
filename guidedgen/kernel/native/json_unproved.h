// Where in a schema it is not proved that every text can be completed: the places whose keywords a search gave up on.
#pragma once

#include <set>

#include "json_machine.h"

namespace guidedgen {

class JsonUnproved {
  public:
    explicit JsonUnproved(JsonMachine& machine)
        : formulas_(machine.meaning_.formulas()), table_(machine.meaning_.table()), searches_(machine.sat_.unproved()) {}

    // Their JSON pointers, sorted.
    std::vector<std::string> places() {
        std::set<std::string> found;
        for (int32_t f : searches_) {
            const size_t before = found.size();
            formulas_.each_leaf(f, [&](int32_t leaf) { add_place(formulas_.at(leaf), found); });
            if (found.size() == before)
                for (size_t node = 0; node < table_.nodes.size(); ++node)
                    if (mentions(f, static_cast<int32_t>(node))) found.insert(table_.pointer_of(static_cast<int32_t>(node)));
        }
        return {found.begin(), found.end()};
    }

  private:
    // A node that stands for a value of an enum, and not for a place of the schema.
    bool synthetic(int32_t node) const { return node < 0 || (node != table_.root && table_.nodes[node].place == 0); }

    void add_place(const Formula& n, std::set<std::string>& found) const {
        const bool of_node = n.op == FOp::Props || n.op == FOp::Names || n.op == FOp::UnevaluatedProps || n.op == FOp::Items ||
                             n.op == FOp::Contains || n.op == FOp::UnevaluatedItems;
        if (of_node && !synthetic(n.a)) found.insert(table_.pointer_of(n.a));
    }

    // Whether a node asks for names or counts that a formula still asks for: those are kept without their place.
    bool mentions(int32_t f, int32_t node) const {
        const ObjectKeywords* o = table_.nodes[node].object.get();
        const ArrayKeywords* a = table_.nodes[node].array.get();
        if (synthetic(node) || (!o && !a)) return false;
        bool result = false;
        formulas_.each_leaf(f, [&](int32_t leaf) {
            const Formula n = formulas_.at(leaf);
            if (o && n.op == FOp::Required)
                for (int32_t key : formulas_.args(leaf)) result |= std::find(o->required.begin(), o->required.end(), key) != o->required.end();
            result |= o && ((n.op == FOp::MinProps && o->min_properties > 0) || (n.op == FOp::MaxProps && o->max_properties >= 0));
            result |= a && ((n.op == FOp::MinItems && a->min_items > 0) || (n.op == FOp::MaxItems && a->max_items >= 0));
            result |= a && n.op == FOp::Unique && a->unique;
        });
        return result;
    }

    const Formulas& formulas_;
    const SchemaTable& table_;
    const std::vector<int32_t>& searches_;
};

}  // namespace guidedgen
