// The nodes of a schema that apply to one value: those of its goals, with what they apply in place. For explanations.
#pragma once

#include <set>

#include "json_meaning.h"

namespace guidedgen {

// `refused`: nodes that must not hold.
struct AppliedNode {
    int32_t id, scope;
};
struct Applied {
    std::vector<AppliedNode> nodes;
    std::vector<int32_t> refused;
    std::set<std::pair<int32_t, int32_t>> met;
};

class JsonApplied {
  public:
    explicit JsonApplied(Meaning& meaning) : meaning_(meaning), formulas_(meaning.formulas()), table_(meaning.table()) {}

    // For values of one kind, or of any (-1): alternatives that have none of the kind are left out where others have some.
    Applied to(const std::set<int32_t>& goals, int kind) {
        Applied result;
        for (int32_t g : goals) collect(g, kind, result);
        return result;
    }

  private:
    static constexpr size_t kMostNodes = 500;

    void collect(int32_t f, int kind, Applied& found) {
        const Formula n = formulas_.at(f);
        if (n.op == FOp::Var) {
            if (n.a >= 0) visit(n.a, n.b, kind, found);
        } else if (n.op == FOp::Not) {
            const Formula& inner = formulas_.at(formulas_.arg(n, 0));
            if (inner.op == FOp::Var && inner.a >= 0) found.refused.push_back(inner.a);
        } else if (n.op == FOp::And || n.op == FOp::Or || n.op == FOp::One) {
            for (int32_t p : formulas_.args(f)) collect(p, kind, found);
        }
    }

    void visit(int32_t node, int32_t scope, int kind, Applied& found) {
        const SchemaNode& n = table_.nodes[node];
        if (n.always > 0 || found.nodes.size() >= kMostNodes || !found.met.emplace(node, scope).second) return;
        scope = meaning_.enter(scope, n.resource);
        found.nodes.push_back({node, scope});
        if (n.object && kind == static_cast<int>(Kind::Object))
            for (const auto& d : n.object->dependent_schemas) visit(d.second, scope, kind, found);
        if (!n.in_place) return;
        const InPlaceKeywords& k = *n.in_place;
        if (k.ref >= 0) visit(k.ref, scope, kind, found);
        if (k.dynamic >= 0) visit(meaning_.dynamic_target(k, scope), scope, kind, found);
        for (int32_t sub : k.all_of) visit(sub, scope, kind, found);
        for (const auto* list : {&k.any_of, &k.one_of}) {
            std::vector<int32_t> open;
            for (int32_t sub : *list)
                if (allows(sub, scope, kind)) open.push_back(sub);
            for (int32_t sub : open.empty() ? *list : open) visit(sub, scope, kind, found);
        }
        if (k.if_ >= 0 && k.then_ >= 0) visit(k.then_, scope, kind, found);
        if (k.if_ >= 0 && k.else_ >= 0) visit(k.else_, scope, kind, found);
    }

    // Whether some value of a kind (-1: of any) may be valid under a node.
    bool allows(int32_t node, int32_t scope, int kind) {
        if (kind < 0) return true;
        const int32_t f = meaning_.var(node, scope);
        if (kind == static_cast<int>(Kind::String)) return meaning_.alive(meaning_.strings(f));
        if (kind == static_cast<int>(Kind::Number)) return meaning_.alive(meaning_.numbers(f));
        return meaning_.expand(f, static_cast<Kind>(kind)) != Formulas::kFalse;
    }

    Meaning& meaning_;
    Formulas& formulas_;
    SchemaTable& table_;
};

}  // namespace guidedgen
