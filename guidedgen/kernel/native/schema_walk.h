// The walk through a schema: places become nodes on a work list, so that nesting costs no stack, and references and
// dynamic anchors add to it. Which keywords lead where is the reader's business.
#pragma once

#include <unordered_set>

#include "schema_location.h"
#include "schema_references.h"

namespace guidedgen {

class SchemaWalk : protected LocationForms {
  protected:
    SchemaWalk(SchemaTable& table, nb::object resolver, Draft draft, int64_t schema_bytes, int64_t depth)
        : LocationForms(table), budget_(schema_bytes, depth), references_(table, budget_, std::move(resolver), draft) {
        keyword_texts_.fill(-1);
        python_json::decimal_type();   // imported now: no foreign code runs while containers are walked
    }

    struct Work {
        PyObject* schema;
        int32_t place, context, node;
    };

    // --- nodes ---

    int32_t node_at(PyObject* schema, int32_t place, int32_t context) {
        size_t at = static_cast<size_t>(place);
        if (node_of_place_.size() <= at) node_of_place_.resize(table_.places.size() * 2 + 16, -1);
        if (node_of_place_[at] >= 0) return node_of_place_[at];
        budget_.spend(64);
        budget_.deeper(table_.places[at].depth);
        int32_t id = static_cast<int32_t>(table_.nodes.size());
        node_of_place_[at] = id;
        table_.nodes.emplace_back();
        SchemaNode& node = table_.nodes.back();
        node.place = place;
        node.resource = context;
        if (PyBool_Check(schema)) {
            node.always = schema == Py_True;
            if (!node.always && references_.context(context).draft == kDraft4) refuse_false(place);
        } else {
            work_.push_back(Work{references_.keep(schema), place, context, id});
        }
        return id;
    }

    // Draft 4 has booleans in place of schemas in two keywords only (draft 4 validation, 5.3.1 and 5.4.4).
    void refuse_false(int32_t place) {
        const std::string& keyword = table_.text(table_.places[static_cast<size_t>(place)].token);
        if (keyword == "additionalProperties" || keyword == "additionalItems") return;
        throw SchemaError(SchemaError::Kind::Malformed, "false is not a schema in draft 4", table_.pointer(place), "", "Write {\"not\": {}}.");
    }

    int32_t index_text(size_t index) {
        while (index_texts_.size() <= index) index_texts_.push_back(table_.intern(std::to_string(index_texts_.size())));
        return index_texts_[index];
    }

    int32_t keyword_place(Keyword keyword) {
        int32_t& text = keyword_texts_[static_cast<size_t>(keyword)];
        if (text < 0) text = table_.intern(info(keyword).name);
        return table_.place(at_.place, text);
    }

    // --- subschemas ---

    int32_t subschema(Keyword keyword) {
        if (!has(keyword)) return -1;
        if (!is_schema(slot(keyword))) malformed(keyword, "a schema (an object, true or false)");
        return node_at(slot(keyword), keyword_place(keyword), at_.context);
    }

    // A list of schemas; refused where it is empty (2020-12 core, 10.2.1).
    std::vector<int32_t> subschemas(Keyword keyword) {
        std::vector<int32_t> result;
        if (!has(keyword)) return result;
        PyObject* list = slot(keyword);
        if (!is_list(list) || !list_size(list)) malformed(keyword, "a list of at least one schema");
        int32_t place = keyword_place(keyword);
        result.reserve(static_cast<size_t>(list_size(list)));
        for (Py_ssize_t i = 0; i < list_size(list); ++i) {
            PyObject* item = list_item(list, i);
            if (!is_schema(item)) malformed(keyword, "a list of schemas (objects, true or false)");
            result.push_back(node_at(item, table_.place(place, index_text(static_cast<size_t>(i))), at_.context));
        }
        return result;
    }

    // Schemas by name.
    template <class F>
    void each_schema(Keyword keyword, F take) {
        if (!has(keyword)) return;
        PyObject* map = slot(keyword);
        if (!PyDict_Check(map)) malformed(keyword, "an object whose values are schemas");
        int32_t place = keyword_place(keyword);
        PyObject *key, *item;
        for (Py_ssize_t i = 0; PyDict_Next(map, &i, &key, &item);) {
            if (!PyUnicode_Check(key) || !is_schema(item)) malformed(keyword, "an object whose values are schemas");
            PythonText name(key);
            budget_.spend(name.view.size() + 4);
            take(name, node_at(item, table_.place(place, table_.intern(name.view)), at_.context));
        }
    }

    // --- references ---

    std::pair<Target, int32_t> resolved(Keyword keyword) {
        PyObject* reference = text(keyword);
        PythonText written(reference);
        budget_.spend(written.view.size());
        references_.keep(reference);
        std::optional<Target> found = references_.find(at_.context, written.view, at_.place, info(keyword).name.data());
        if (!found)
            throw SchemaError(SchemaError::Kind::Malformed, "the reference " + shown(reference) + " points to nothing", pointer(keyword),
                              std::string(info(keyword).name), "Correct it, or add the definition.");
        if (!is_schema(found->schema)) malformed(keyword, "a reference to a schema (an object, true or false)");
        return {*found, node_at(found->schema, found->place, found->context)};
    }

    int32_t anchor_text() {
        PythonText written(slot(Keyword::DynamicRef));
        return table_.intern(written.view.substr(written.view.find('#') + 1));
    }

    // 2019-09 core, 8.2.4.2: dynamic where the resource that is found first says so. Its anchor is called "".
    void recursive(InPlaceKeywords& in) {
        auto [target, node] = resolved(Keyword::RecursiveRef);
        in.dynamic = node;
        if (recursive_anchor(target.context) == target.schema) look_for(in.anchor = table_.intern(""));
    }

    // The root of a resource that has `$recursiveAnchor: true`, or null.
    PyObject* recursive_anchor(int32_t id) {
        const Context& context = references_.context(id);
        if (!PyDict_Check(context.root) || (context.draft != kDraft2019 && context.draft != kMixed)) return nullptr;
        return PyDict_GetItemString(context.root, "$recursiveAnchor") == Py_True ? context.root : nullptr;
    }

    void look_for(int32_t anchor) {
        table_.dynamic = true;
        if (sought_set_.insert(anchor).second) sought_.push_back(anchor);
    }

    // Every resource that was read takes part in dynamic scopes: its anchors that some reference looks for become nodes.
    // Returns whether there are new ones to read.
    bool find_dynamic_anchors() {
        if (sought_.empty()) return false;
        size_t before = work_.size();
        for (; scanned_ < table_.nodes.size(); ++scanned_) enter_resource(table_.nodes[scanned_].resource);
        for (; sought_done_ < sought_.size(); ++sought_done_)
            for (int32_t resource : holders_[sought_[sought_done_]]) add_dynamic_anchor(resource, sought_[sought_done_]);
        return work_.size() > before;
    }

    void enter_resource(int32_t id) {
        if (!entered_.insert(id).second) return;
        auto hold = [&](int32_t anchor) {
            holders_[anchor].push_back(id);
            if (sought_set_.count(anchor)) add_dynamic_anchor(id, anchor);
        };
        if (recursive_anchor(id)) hold(table_.intern(""));
        std::vector<int32_t> found;
        for (const auto& anchor : references_.anchors(id))
            if (anchor.second.dynamic) found.push_back(anchor.first);
        for (int32_t anchor : found) hold(anchor);
    }

    void add_dynamic_anchor(int32_t id, int32_t anchor) {
        if (table_.resources.size() <= static_cast<size_t>(id)) table_.resources.resize(static_cast<size_t>(references_.contexts()));
        PyObject* schema = references_.context(id).root;
        int32_t place = references_.context(id).place;
        if (!table_.text(anchor).empty()) {
            const Anchor& found = references_.anchors(id).at(anchor);
            schema = found.schema;
            place = found.place;
        }
        int32_t node = node_at(schema, place, id);
        table_.resources[static_cast<size_t>(id)].dynamic_anchors[anchor] = node;
    }

    // --- sets and names ---

    void start_set() { ++stamp_; }
    bool first_time(size_t id) {
        if (stamps_.size() <= id) stamps_.resize(id * 2 + 64, 0);
        bool first = stamps_[id] != stamp_;
        stamps_[id] = stamp_;
        return first;
    }

    bool one_name(PyObject* name, std::vector<int32_t>& ids) {
        PythonText written(name);
        budget_.spend(written.view.size() + 3);
        if (written.valid) ids.push_back(table_.intern(written.view));
        return written.valid;
    }

    // A list of names. Returns whether objects can have all of them.
    bool names(Keyword keyword, PyObject* list, std::vector<int32_t>& ids, bool different) {
        const char* expected = different ? "a list of strings" : keyword == Keyword::Dependencies
                                   ? "an object whose values are lists of names or schemas" : "an object whose values are lists of names";
        if (!is_list(list)) malformed(keyword, expected);
        bool possible = true;
        start_set();
        ids.reserve(static_cast<size_t>(list_size(list)));
        for (Py_ssize_t i = 0; i < list_size(list); ++i) {
            if (!PyUnicode_Check(list_item(list, i))) malformed(keyword, expected);
            if (!one_name(list_item(list, i), ids)) {
                possible = false;
            } else if (!first_time(static_cast<size_t>(ids.back()))) {
                if (different) malformed(keyword, "a list of different strings");
                ids.pop_back();
            }
        }
        return possible;
    }

    ReadingBudget budget_;
    References references_;
    std::vector<Work> work_;
    size_t next_ = 0;
    std::vector<int32_t> node_of_place_, index_texts_;

    // Dynamic anchors: those that references look for, the resources that were entered, and which of these have which.
    std::vector<int32_t> sought_;
    std::unordered_set<int32_t> sought_set_, entered_;
    std::unordered_map<int32_t, std::vector<int32_t>> holders_;
    size_t scanned_ = 0, sought_done_ = 0;

    std::array<int32_t, kKeywords> keyword_texts_;
    std::vector<uint32_t> stamps_;
    uint32_t stamp_ = 0;

    Work at_{};                        // the location that is being read
};

}  // namespace guidedgen
