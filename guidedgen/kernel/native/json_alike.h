// Schemas that say the same of a value: alternatives often repeat what they say of a property, word for word.
//
// As variables of their own, twenty equal `{"type": "string"}` would be told apart by as many decisions. Only schemas without
// schemas in them are compared, arrays of those included; a formula keeps one of the alike that it asks for.
#pragma once

#include <map>

#include "json_meaning.h"

namespace guidedgen {

class AlikeNodes {
  public:
    explicit AlikeNodes(Meaning& meaning) : meaning_(meaning), formulas_(meaning.formulas()) {}

    // The formula with one variable for all that are alike: the first one that is met.
    int32_t unified(int32_t f) {
        if (!formulas_.at(f).vars || formulas_.at(f).op == FOp::Var) return f;
        const FormulaMemos::Lent memo = formulas_.memo(), first = formulas_.memo();
        return unified(f, *memo, *first);
    }

  private:
    using Form = std::vector<int64_t>;

    // `first`: class -> variable.
    int32_t unified(int32_t f, FormulaMemo& memo, FormulaMemo& first) {
        const auto leaf_unified = [&](int32_t leaf) {
            const Formula n = formulas_.at(leaf);
            if (n.op == FOp::Var) return first_alike(leaf, first);
            std::vector<int32_t> args = formulas_.args(leaf);
            for (int32_t& a : args) a = unified(a, memo, first);
            return formulas_.atom(n.op, n.a, n.b, n.c, n.d, args);
        };
        return formulas_.rebuild(f, memo, leaf_unified, [](const Formula& n) { return n.vars; });
    }

    int32_t first_alike(int32_t var, FormulaMemo& first) {
        const int32_t kind = class_of(var);
        if (kind < 0) return var;
        const int32_t known = first.find(kind);
        if (known < 0) first.insert(kind, var);
        return known < 0 ? var : known;
    }

    // Equal for variables that are alike; -1: not looked into.
    int32_t class_of(int32_t var) {
        const Formula& n = formulas_.at(var);
        return n.op != FOp::Var || n.a < 0 ? -1 : node_class(n.a);
    }

    int32_t node_class(int32_t node) {
        auto known = of_node_.find(node);
        if (known != of_node_.end()) return known->second;
        of_node_[node] = -1;   // until it is known: what contains itself is not looked into
        Form form;
        const int32_t made = describe(meaning_.table().nodes[static_cast<size_t>(node)], form)
                                 ? classes_.emplace(std::move(form), static_cast<int32_t>(classes_.size())).first->second : -1;
        formulas_.work().hold(64);
        return of_node_[node] = made;
    }

    // All that a schema says, if there is no schema in it but that of items. Nodes that stand for a value have no place: messages tell them apart.
    bool describe(const SchemaNode& n, Form& form) {
        if (n.in_place || n.object || n.place == 0) return false;
        form = {n.always, n.types, n.digits_only, n.has_values, static_cast<int64_t>(n.values.size())};
        form.insert(form.end(), n.values.begin(), n.values.end());
        form.insert(form.end(), {n.number != nullptr, n.string != nullptr, n.array != nullptr});
        if (const NumberKeywords* m = n.number.get())
            form.insert(form.end(), {m->minimum, m->maximum, m->exclusive_minimum, m->exclusive_maximum, m->multiple_of});
        if (const StringKeywords* t = n.string.get())
            form.insert(form.end(), {t->min_length, t->max_length, t->pattern, t->format, t->content});
        if (!n.array) return true;
        const ArrayKeywords& k = *n.array;
        const int32_t items = k.items < 0 ? -1 : node_class(k.items);
        if (!k.prefix.empty() || k.contains >= 0 || k.unevaluated >= 0 || (k.items >= 0 && items < 0)) return false;
        form.insert(form.end(), {items, k.min_items, k.max_items, k.unique});
        return true;
    }

    Meaning& meaning_;
    Formulas& formulas_;
    std::unordered_map<int32_t, int32_t> of_node_;
    std::map<Form, int32_t> classes_;
};

}  // namespace guidedgen
