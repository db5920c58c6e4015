// Reads a JSON Schema from Python objects into a SchemaTable: every keyword's value is checked for its form, and every
// location that the root refers to becomes a node. What keywords mean is not decided here.
//
// A work list keeps nesting from costing stack. A node is its place: a document and a JSON pointer in it.
#pragma once

#include <tuple>
#include <unordered_set>

#include "schema_references.h"

namespace guidedgen {

struct ReaderOptions {
    Draft draft = kMixed;                              // where `$schema` is absent
    enum class Format { Assert, Annotation, Strict } format = Format::Assert;
    bool relax = false;                                // what is not enforced is dropped, not refused
    bool closed = false;                               // an object that declares properties takes no others
    std::unordered_set<std::string> enforced;          // formats that are
    std::unordered_set<std::string> refused;           // formats that are known and are not
};

class SchemaReader {
  public:
    SchemaReader(SchemaTable& table, const ReaderOptions& options, nb::object resolver, int64_t schema_bytes, int64_t depth)
        : table_(table), options_(options), budget_(schema_bytes, depth), values_(table, budget_),
          references_(table, budget_, std::move(resolver), options.draft) {
        keyword_texts_.fill(-1);
        python_json::decimal_type();   // imported now: no foreign code runs while containers are walked
    }

    void read(PyObject* schema) {
        if (!is_schema(schema))
            throw SchemaError(SchemaError::Kind::Malformed,
                              std::string("a schema must be an object, true or false, not ") + Py_TYPE(schema)->tp_name, "");
        int32_t context = references_.open(schema, "");
        table_.root = node_at(schema, references_.context(context).place, context);
        do {
            while (next_ < work_.size()) read_location(work_[next_++]);
        } while (find_dynamic_anchors());
        table_.resources.resize(static_cast<size_t>(references_.contexts()));
    }

  private:
    struct Work {
        PyObject* schema;
        int32_t place, context, node;
    };

    // --- nodes ---

    int32_t node_at(PyObject* schema, int32_t place, int32_t context) {
        size_t at = static_cast<size_t>(place);
        if (node_of_place_.size() <= at) node_of_place_.resize(table_.places.size() * 2 + 16, -1);
        if (node_of_place_[at] >= 0) return node_of_place_[at];
        budget_.spend(32);
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

    // --- one location ---

    void read_location(const Work& work) {
        at_ = work;
        node_ = SchemaNode();
        size_t first_mark = table_.marks.size();
        collect();
        if (has_any({Keyword::Id, Keyword::PlainId})) at_.context = references_.entered(at_.schema, at_.place, at_.context);
        const Context& context = references_.context(at_.context);
        draft_ = context.draft;
        node_.place = at_.place;
        node_.resource = at_.context;
        present_ = written_ & keywords_of(draft_) & (context.validation ? ~0ull : ~validation_keywords());
        beside_ref_ = bit(Keyword::Ref) & present_ && !merges_ref_siblings(draft_);
        if (beside_ref_) present_ = bit(Keyword::Ref);
        idle_ = 0;
        format_ = {Treatment::Exact, Reason::None};
        if (!(present_ & ~annotations())) {
            node_.always = 1;
        } else {
            read_any();
            if (present_ & about(kNumber)) read_numbers();
            if (present_ & about(kString)) read_strings();
            if (present_ & about(kArray)) read_arrays();
            if (present_ & about(kObject)) read_objects();
            read_in_place();
        }
        treat(first_mark, context.validation);
        table_.nodes[static_cast<size_t>(at_.node)] = std::move(node_);
    }

    // The keywords as written, before the draft is known: `$schema` may stand behind them.
    void collect() {
        written_ = 0;
        PyObject *key, *value;
        for (Py_ssize_t i = 0; PyDict_Next(at_.schema, &i, &key, &value);) {
            if (!PyUnicode_Check(key))
                throw SchemaError(SchemaError::Kind::Malformed, "the schema is not JSON: the key " + shown(key) + " is no string",
                                  table_.pointer(at_.place), "", kOnlyJson);
            PythonText name(key);
            budget_.spend(name.view.size() + 4);
            const KeywordInfo* known = KeywordIndex::instance().find(name.view);
            int32_t keyword = known ? static_cast<int32_t>(known->keyword) : ~table_.intern(name.view);
            table_.marks.push_back(KeywordMark{at_.node, keyword, Treatment::Exact, Reason::None, 0, -1});
            if (!known) continue;
            written_ |= bit(known->keyword);
            slots_[static_cast<size_t>(known->keyword)] = references_.keep(value);
        }
    }

    void treat(size_t first, bool validation) {
        for (size_t i = first; i < table_.marks.size(); ++i) {
            KeywordMark& mark = table_.marks[i];
            mark.draft = draft_;
            if (mark.keyword < 0) {
                mark.treatment = Treatment::Annotation;
                mark.reason = beside_ref_ ? Reason::BesideRef : Reason::Unknown;
                continue;
            }
            const KeywordInfo& known = keyword_table()[static_cast<size_t>(mark.keyword)];
            uint64_t own = bit(known.keyword);
            if (own & present_ & ~idle_ && !known.annotation) {
                if (known.keyword == Keyword::Format) std::tie(mark.treatment, mark.reason) = format_;
                continue;
            }
            mark.treatment = Treatment::Annotation;
            if (known.keyword == Keyword::XValidated) {
                mark.treatment = Treatment::Validated;
                mark.reason = Reason::Detail;
                mark.detail = table_.intern(detail(slot(Keyword::XValidated)));
            } else if (beside_ref_) {
                mark.reason = Reason::BesideRef;
            } else if (!known_in(known, draft_)) {
                mark.reason = Reason::OtherDraft;
            } else if (!validation && known.validation) {
                mark.reason = Reason::NoVocabulary;
            } else if (own & idle_) {
                mark.reason = Reason::NoEffect;
            }
        }
    }

    static std::string detail(PyObject* value) { return PyUnicode_Check(value) ? std::string(PythonText(value).view) : shown(value); }

    // --- keywords by kind of value ---

    void read_any() {
        if (has(Keyword::Type)) read_types();
        if (has(Keyword::Enum)) {
            PyObject* list = slot(Keyword::Enum);
            if (!is_list(list)) malformed(Keyword::Enum, "a list");
            node_.has_values = true;
            start_set();
            for (Py_ssize_t i = 0; i < list_size(list); ++i) {
                int32_t id = value(Keyword::Enum, list_item(list, i));
                if (id >= 0 && first_time(static_cast<size_t>(id))) node_.values.push_back(id);
            }
        }
        if (!has(Keyword::Const)) return;
        int32_t only = value(Keyword::Const, slot(Keyword::Const));
        bool allowed = only >= 0 && (!node_.has_values || std::find(node_.values.begin(), node_.values.end(), only) != node_.values.end());
        node_.has_values = true;
        node_.values.assign(allowed ? 1 : 0, only);
    }

    int32_t value(Keyword keyword, PyObject* o) {
        try {
            return values_.read(o);
        } catch (const NotJson& e) {
            throw SchemaError(SchemaError::Kind::Malformed, e.message, pointer(keyword), std::string(info(keyword).name), kOnlyJson);
        }
    }

    void read_types() {
        PyObject* given = slot(Keyword::Type);
        bool list = is_list(given);
        Py_ssize_t count = list ? list_size(given) : 1;
        uint8_t types = 0;
        bool integer = false, number = false;
        for (Py_ssize_t i = 0; i < count; ++i) {
            PyObject* name = list ? list_item(given, i) : given;
            uint8_t kind = PyUnicode_Check(name) ? kind_named(PythonText(name).view) : 0;
            if (!kind) count = 0;
            integer |= kind == kInteger;
            number |= kind == kNumber;
            types |= kind;
        }
        if (!count) malformed(Keyword::Type, "one or several of array, boolean, integer, null, number, object, string");
        node_.types = types;
        node_.digits_only = draft_ == kDraft4 && integer && !number;
    }

    static uint8_t kind_named(std::string_view name) {
        static const std::pair<std::string_view, uint8_t> known[] = {
            {"string", kString}, {"object", kObject}, {"array", kArray}, {"integer", kInteger},
            {"number", kNumber}, {"boolean", kBoolean}, {"null", kNull}};
        for (const auto& entry : known)
            if (entry.first == name) return entry.second;
        return 0;
    }

    void read_numbers() {
        node_.number = std::make_unique<NumberKeywords>();
        NumberKeywords& n = *node_.number;
        n.minimum = number(Keyword::Minimum);
        n.maximum = number(Keyword::Maximum);
        n.exclusive_minimum = strict(Keyword::ExclusiveMinimum, n.minimum);
        n.exclusive_maximum = strict(Keyword::ExclusiveMaximum, n.maximum);
        n.multiple_of = number(Keyword::MultipleOf);
        if (n.multiple_of < 0) return;
        const std::string& step = table_.text(n.multiple_of);
        if (step == "0" || step[0] == '-') malformed(Keyword::MultipleOf, "greater than 0");
    }

    // A number since draft 6; in draft 4 a boolean that makes the other bound strict.
    int32_t strict(Keyword keyword, int32_t& inclusive) {
        if (!has(keyword)) return -1;
        if (PyBool_Check(slot(keyword)) && (draft_ == kDraft4 || draft_ == kMixed)) {
            int32_t bound = slot(keyword) == Py_True ? inclusive : -1;
            if (bound >= 0) inclusive = -1;
            return bound;
        }
        if (draft_ == kDraft4) malformed(keyword, "true or false in draft 4");
        return number(keyword);
    }

    void read_strings() {
        node_.string = std::make_unique<StringKeywords>();
        StringKeywords& s = *node_.string;
        s.min_length = count(Keyword::MinLength, 0);
        s.max_length = count(Keyword::MaxLength, -1);
        if (has(Keyword::Pattern)) {
            PyObject* pattern = text(Keyword::Pattern);
            s.pattern = pattern_text(pattern, Keyword::Pattern, pointer(Keyword::Pattern));
        }
        if (!has(Keyword::Format)) return;
        PyObject* name = text(Keyword::Format);
        if (node_.types & kString) s.format = format(name);
    }

    int32_t pattern_text(PyObject* pattern, Keyword keyword, const std::string& where) {
        PythonText written(pattern);
        if (!written.valid)
            throw SchemaError(SchemaError::Kind::Unsupported, "a lone surrogate in a pattern is not supported", where,
                              std::string(info(keyword).name), "Write it as an escape.");
        budget_.spend(written.view.size());
        return table_.intern(written.view);
    }

    // The format's text where it is to be enforced.
    int32_t format(PyObject* name) {
        using Format = ReaderOptions::Format;
        if (options_.format == Format::Annotation && !references_.context(at_.context).asserts_format) {
            format_ = {Treatment::Annotation, Reason::FormatOff};
            return -1;
        }
        PythonText written(name);
        std::string plain(written.view);
        if (options_.enforced.count(plain)) return table_.intern(plain);
        if (options_.refused.count(plain)) {
            if (!options_.relax)
                throw SchemaError(SchemaError::Kind::Unsupported, "the format " + shown(name) + " is not supported", pointer(Keyword::Format),
                                  "format", "Remove it, or take it as an annotation with on_unsupported=\"relax\" or format=\"annotation\".");
            format_ = {Treatment::Relaxed, Reason::FormatUnknown};
            return -1;
        }
        if (options_.format == Format::Strict)
            throw SchemaError(SchemaError::Kind::Unsupported, "the format " + shown(name) + " is not known", pointer(Keyword::Format), "format",
                              "Use a standard format, a pattern, or format=\"assert\", which takes unknown formats as annotations.");
        format_ = {Treatment::Annotation, Reason::FormatUnknown};
        return -1;
    }

    void read_arrays() {
        node_.array = std::make_unique<ArrayKeywords>();
        ArrayKeywords& a = *node_.array;
        a.min_items = count(Keyword::MinItems, 0);
        a.max_items = count(Keyword::MaxItems, -1);
        a.unique = has(Keyword::UniqueItems) && flag(Keyword::UniqueItems);
        read_items(a);
        a.contains = subschema(Keyword::Contains);
        int64_t low = count(Keyword::MinContains, 1), high = count(Keyword::MaxContains, -1);
        if (a.contains >= 0) {
            a.min_contains = low;
            a.max_contains = high;
        } else {
            idle_ |= bit(Keyword::MinContains) | bit(Keyword::MaxContains);
        }
        a.contains_evaluates = draft_ == kDraft2020 || draft_ == kMixed;
        a.unevaluated = subschema(Keyword::UnevaluatedItems);
    }

    // Since 2020-12 `prefixItems` and `items`; before, `items` with a list, and `additionalItems` behind it.
    void read_items(ArrayKeywords& a) {
        if (!has(Keyword::Items) || !is_list(slot(Keyword::Items))) {
            a.prefix = subschemas(Keyword::PrefixItems);
            a.items = subschema(Keyword::Items);
            idle_ |= bit(Keyword::AdditionalItems);
            return;
        }
        if (draft_ == kDraft2020) malformed(Keyword::Items, "a schema; since 2020-12 a list of schemas is called prefixItems");
        if (list_size(slot(Keyword::Items))) a.prefix = subschemas(Keyword::Items);
        a.items = subschema(Keyword::AdditionalItems);
        idle_ |= bit(Keyword::PrefixItems);
    }

    void read_objects() {
        node_.object = std::make_unique<ObjectKeywords>();
        ObjectKeywords& o = *node_.object;
        each_schema(Keyword::Properties, [&](const PythonText& name, int32_t id) {
            if (name.valid) o.properties.emplace_back(table_.intern(name.view), id);
        });
        each_schema(Keyword::PatternProperties, [&](const PythonText& name, int32_t id) {
            if (!name.valid) malformed(Keyword::PatternProperties, "an object without lone surrogates in its patterns");
            o.patterns.emplace_back(table_.intern(name.view), id);
        });
        o.additional = subschema(Keyword::AdditionalProperties);
        bool declares = has(Keyword::Properties) || has(Keyword::PatternProperties);
        if (o.additional < 0 && options_.closed && declares) o.additional = node_at(Py_False, keyword_place(Keyword::AdditionalProperties), at_.context);
        o.names = subschema(Keyword::PropertyNames);
        if (has(Keyword::Required) && !names(Keyword::Required, slot(Keyword::Required), o.required, true)) node_.types &= ~kObject;
        o.min_properties = count(Keyword::MinProperties, 0);
        o.max_properties = count(Keyword::MaxProperties, -1);
        read_dependencies(o);
        o.unevaluated = subschema(Keyword::UnevaluatedProperties);
    }

    void read_dependencies(ObjectKeywords& o) {
        each_schema(Keyword::DependentSchemas, [&](const PythonText& name, int32_t id) {
            if (name.valid) o.dependent_schemas.emplace_back(table_.intern(name.view), id);
        });
        dependencies(Keyword::DependentRequired, o);
        dependencies(Keyword::Dependencies, o);
    }

    void dependencies(Keyword keyword, ObjectKeywords& o) {
        if (!has(keyword)) return;
        bool both = keyword == Keyword::Dependencies;
        const char* expected = both ? "an object whose values are lists of names or schemas" : "an object whose values are lists of names";
        PyObject* map = slot(keyword);
        if (!PyDict_Check(map)) malformed(keyword, expected);
        PyObject *key, *item;
        for (Py_ssize_t i = 0; PyDict_Next(map, &i, &key, &item);) {
            if (!PyUnicode_Check(key) || !(is_list(item) || (both && (is_schema(item) || PyUnicode_Check(item))))) malformed(keyword, expected);
            PythonText name(key);
            budget_.spend(name.view.size() + 4);
            int32_t trigger = table_.intern(name.view);
            int32_t place = table_.place(keyword_place(keyword), trigger);
            std::vector<int32_t> needed;
            bool possible = true;
            if (is_schema(item)) {
                int32_t id = node_at(item, place, at_.context);
                if (name.valid) o.dependent_schemas.emplace_back(trigger, id);
                continue;
            }
            if (PyUnicode_Check(item)) possible = one_name(item, needed);   // draft 3 allowed a single name (5.14)
            else possible = names(keyword, item, needed, false);
            if (!name.valid) continue;
            if (possible) o.dependent_required.emplace_back(trigger, std::move(needed));
            else o.dependent_schemas.emplace_back(trigger, node_at(Py_False, place, at_.context));
        }
    }

    void read_in_place() {
        InPlaceKeywords in;
        in.all_of = subschemas(Keyword::AllOf);
        in.any_of = subschemas(Keyword::AnyOf);
        in.one_of = subschemas(Keyword::OneOf);
        in.not_ = subschema(Keyword::Not);
        in.if_ = subschema(Keyword::If);
        if (in.if_ >= 0) {
            in.then_ = subschema(Keyword::Then);
            in.else_ = subschema(Keyword::Else);
        } else {
            idle_ |= bit(Keyword::Then) | bit(Keyword::Else);
        }
        if (has(Keyword::Ref)) in.ref = resolved(Keyword::Ref).second;
        if (has(Keyword::DynamicRef)) {
            auto [target, node] = resolved(Keyword::DynamicRef);
            in.dynamic = node;
            if (target.dynamic) look_for(in.anchor = anchor_text());
        }
        if (has(Keyword::RecursiveRef)) recursive(in);
        const uint64_t all = bit(Keyword::AllOf) | bit(Keyword::AnyOf) | bit(Keyword::OneOf) | bit(Keyword::Not) | bit(Keyword::If) |
                                 bit(Keyword::Ref) | bit(Keyword::DynamicRef) | bit(Keyword::RecursiveRef);
        if (present_ & all) node_.in_place = std::make_unique<InPlaceKeywords>(std::move(in));
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
        if (std::find(sought_.begin(), sought_.end(), anchor) == sought_.end()) sought_.push_back(anchor);
    }

    // Every resource that was read takes part in dynamic scopes: its anchors that some reference looks for become nodes.
    // Returns whether there are new ones to read.
    bool find_dynamic_anchors() {
        if (sought_.empty()) return false;
        std::vector<char> used(static_cast<size_t>(references_.contexts()), 0);
        for (const SchemaNode& node : table_.nodes) used[static_cast<size_t>(node.resource)] = 1;
        size_t before = work_.size();
        for (size_t id = 0; id < used.size(); ++id)
            if (used[id])
                for (size_t i = 0; i < sought_.size(); ++i) find_dynamic_anchor(static_cast<int32_t>(id), sought_[i]);
        return work_.size() > before;
    }

    void find_dynamic_anchor(int32_t id, int32_t anchor) {
        table_.resources.resize(static_cast<size_t>(references_.contexts()));
        Resource& resource = table_.resources[static_cast<size_t>(id)];
        if (resource.dynamic_anchors.count(anchor)) return;
        if (table_.text(anchor).empty()) {
            PyObject* root = recursive_anchor(id);
            if (root) resource.dynamic_anchors[anchor] = node_at(root, references_.context(id).place, id);
            return;
        }
        const auto& anchors = references_.anchors(id);
        auto found = anchors.find(anchor);
        if (found == anchors.end() || !found->second.dynamic) return;
        resource.dynamic_anchors[anchor] = node_at(found->second.schema, found->second.place, id);
    }

    // --- forms of values ---

    static constexpr uint64_t bit(Keyword keyword) { return 1ull << static_cast<unsigned>(keyword); }
    bool has(Keyword keyword) const { return present_ & bit(keyword); }
    bool has_any(std::initializer_list<Keyword> keywords) const {
        for (Keyword keyword : keywords)
            if (written_ & bit(keyword)) return true;
        return false;
    }
    PyObject* slot(Keyword keyword) const { return slots_[static_cast<size_t>(keyword)]; }

    template <class F>
    static uint64_t mask_of(F wanted) {
        uint64_t result = 0;
        for (const KeywordInfo& known : keyword_table())
            if (wanted(known)) result |= bit(known.keyword);
        return result;
    }
    static uint64_t keywords_of(Draft draft) {
        static const std::array<Draft, 6> drafts{kMixed, kDraft4, kDraft6, kDraft7, kDraft2019, kDraft2020};
        static const std::array<uint64_t, 6> masks = [] {
            std::array<uint64_t, 6> made;
            for (size_t i = 0; i < made.size(); ++i) made[i] = mask_of([&](const KeywordInfo& k) { return known_in(k, drafts[i]); });
            return made;
        }();
        return masks[static_cast<size_t>(std::find(drafts.begin(), drafts.end() - 1, draft) - drafts.begin())];
    }
    static uint64_t validation_keywords() {
        static const uint64_t mask = mask_of([](const KeywordInfo& k) { return k.validation; });
        return mask;
    }
    static uint64_t annotations() {
        static const uint64_t mask = mask_of([](const KeywordInfo& k) { return k.annotation; });
        return mask;
    }
    static uint64_t about(uint8_t kinds) {
        static const std::array<uint64_t, 4> masks{mask_of([](const KeywordInfo& k) { return k.kinds == kNumber; }),
                                                   mask_of([](const KeywordInfo& k) { return k.kinds == kString; }),
                                                   mask_of([](const KeywordInfo& k) { return k.kinds == kArray; }),
                                                   mask_of([](const KeywordInfo& k) { return k.kinds == kObject; })};
        return masks[kinds == kNumber ? 0 : kinds == kString ? 1 : kinds == kArray ? 2 : 3];
    }

    std::string pointer(Keyword keyword) const { return table_.pointer(at_.place) + "/" + std::string(info(keyword).name); }

    [[noreturn]] void malformed(Keyword keyword, const std::string& expected) const {
        std::string name(info(keyword).name);
        throw SchemaError(SchemaError::Kind::Malformed, name + " must be " + expected + ", not " + shown(slot(keyword)), pointer(keyword), name,
                          "Correct the schema.");
    }

    // A text id of the normalised numeral, or -1 where the keyword is absent.
    int32_t number(Keyword keyword) {
        if (!has(keyword)) return -1;
        if (!is_number(slot(keyword))) malformed(keyword, "a number");
        try {
            return table_.intern(numeral(slot(keyword)));
        } catch (const NotJson& e) {
            throw SchemaError(SchemaError::Kind::Malformed, std::string(info(keyword).name) + ": " + e.message, pointer(keyword),
                              std::string(info(keyword).name), "Correct the schema.");
        }
    }

    int64_t count(Keyword keyword, int64_t otherwise) {
        if (!has(keyword)) return otherwise;
        PyObject* given = slot(keyword);
        if (PyLong_CheckExact(given)) {
            int overflow = 0;
            long long value = PyLong_AsLongLongAndOverflow(given, &overflow);
            if (!overflow && value >= 0) return std::min<int64_t>(value, INT32_MAX);
        }
        int32_t id = number(keyword);
        NormalisedParts parts(table_.text(id));
        if (parts.negative || !parts.integral()) malformed(keyword, "a non-negative integer");
        return parts.count(INT32_MAX);
    }

    PyObject* text(Keyword keyword) const {
        if (!PyUnicode_Check(slot(keyword))) malformed(keyword, "a string");
        return slot(keyword);
    }

    bool flag(Keyword keyword) const {
        if (!PyBool_Check(slot(keyword))) malformed(keyword, "true or false");
        return slot(keyword) == Py_True;
    }

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

    SchemaTable& table_;
    const ReaderOptions& options_;
    Budget budget_;
    ValueReader values_;
    References references_;
    std::vector<Work> work_;
    size_t next_ = 0;
    std::vector<int32_t> node_of_place_, index_texts_, sought_;
    std::array<int32_t, kKeywords> keyword_texts_;
    std::vector<uint32_t> stamps_;
    uint32_t stamp_ = 0;

    // The location that is being read.
    Work at_{};
    SchemaNode node_;
    Draft draft_ = kMixed;
    std::array<PyObject*, kKeywords> slots_{};
    uint64_t written_ = 0, present_ = 0, idle_ = 0;   // keywords as written, those that count, those without effect
    bool beside_ref_ = false;
    std::pair<Treatment, Reason> format_;
};

}  // namespace guidedgen
