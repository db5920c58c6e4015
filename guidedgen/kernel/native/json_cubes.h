// Conjunctions of variables and negated ones, as goals of values: made while the variables of a formula are decided.
//
// Two schemas that no value satisfies together, because their types or their enumerated values differ, decide one another.
// Without that, one of many alternatives would be told from the others by as many searches for a value as there are pairs.
#pragma once

#include "json_progress.h"

namespace guidedgen {

class Cubes {
  public:
    Cubes(Meaning& meaning, Progress& progress) : meaning_(meaning), progress_(progress), formulas_(meaning.formulas()) {}

    // Variables that a conjunction demands, as a goal; they are taken out of it.
    int32_t take_literals(int32_t& f) {
        std::vector<int32_t> literals, others;
        std::vector<int32_t> parts = formulas_.conjuncts(f);
        for (int32_t p : parts) (formulas_.at(variable(p)).op == FOp::Var ? literals : others).push_back(p);
        if (literals.empty()) return Formulas::kTrue;
        f = formulas_.all(std::move(others));
        std::vector<int32_t> kept;
        for (int32_t l : literals) {
            f = decided(f, variable(l), l == variable(l));
            if (!progress_.is_repeats(variable(l))) kept.push_back(l);
        }
        return formulas_.all(std::move(kept));
    }

    int32_t with_literal(int32_t cube, int32_t var, bool truth) {
        if (progress_.is_repeats(var)) return cube;   // no demand on the value itself
        if (cube == Formulas::kTrue) return truth ? var : formulas_.negate(var);
        std::vector<int32_t> parts = formulas_.conjuncts(cube), kept;
        for (int32_t p : parts) {
            const bool apart = formulas_.at(variable(p)).op == FOp::Var && exclude_one_another(variable(p), var);
            if (!apart) kept.push_back(p);
            else if (p == variable(p)) return truth ? Formulas::kFalse : cube;
            else if (!truth) kept.push_back(p);   // else what the new one says includes it
        }
        kept.push_back(truth ? var : formulas_.negate(var));
        return formulas_.all(std::move(kept));
    }

    // With a variable known to be true or false, and all those that follow from it.
    int32_t decided(int32_t f, int32_t var, bool truth) {
        return progress_.decide(f, [&](int32_t leaf) {
            if (leaf == var) return truth ? Formulas::kTrue : Formulas::kFalse;
            return truth && exclude_one_another(leaf, var) ? Formulas::kFalse : leaf;
        });
    }

    int32_t first_var(int32_t f) const {
        while (formulas_.at(f).op != FOp::Var) {
            const Formula& n = formulas_.at(f);
            int32_t next = -1;
            for (int32_t i = 0; i < n.count && next < 0; ++i)
                if (formulas_.at(formulas_.arg(n, i)).vars) next = formulas_.arg(n, i);
            f = next;
        }
        return f;
    }

    // A part of a disjunction that holds whatever the variables are; kFalse where there is none.
    int32_t without_variables(int32_t f) {
        if (!formulas_.at(f).vars) return f;
        if (formulas_.at(f).op != FOp::And && formulas_.at(f).op != FOp::Or) return Formulas::kFalse;
        const FOp op = formulas_.at(f).op;
        std::vector<int32_t> parts = formulas_.args(f);
        for (int32_t& p : parts) {
            p = without_variables(p);
            if (op == FOp::And && p == Formulas::kFalse) return p;
        }
        return op == FOp::And ? formulas_.all(std::move(parts)) : formulas_.any(std::move(parts));
    }

  private:
    int32_t variable(int32_t literal) const {
        const Formula& n = formulas_.at(literal);
        return n.op == FOp::Not ? formulas_.arg(n, 0) : literal;
    }

    bool exclude_one_another(int32_t f, int32_t g) {
        if (f == g || progress_.is_repeats(f) || progress_.is_repeats(g)) return false;
        const SchemaNode &m = meaning_.table().nodes[formulas_.at(f).a], &n = meaning_.table().nodes[formulas_.at(g).a];
        if (!(m.types & n.types)) return true;
        if (!m.has_values || !n.has_values) return false;
        const SchemaNode &few = m.values.size() < n.values.size() ? m : n, &many = &few == &m ? n : m;
        if (many.values.size() > kManyValues) return false;
        for (int32_t v : few.values)
            if (std::find(many.values.begin(), many.values.end(), v) != many.values.end()) return false;
        return true;
    }

    static constexpr size_t kManyValues = 64;

    Meaning& meaning_;
    Progress& progress_;
    Formulas& formulas_;
};

}  // namespace guidedgen
