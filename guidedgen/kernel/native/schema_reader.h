// Reads a JSON Schema from Python objects into a SchemaTable: every keyword's value is checked for its form, and every
// location that the root refers to becomes a node. What keywords mean is not decided here.
//
// A work list keeps nesting from costing stack. A node is its place: a document and a JSON pointer in it.
#pragma once

#include <tuple>

#include "schema_walk.h"

namespace guidedgen {

struct ReaderOptions {
    Draft draft = kMixed;                              // where `$schema` is absent
    enum class Format { Assert, Annotation, Strict } format = Format::Assert;
    bool relax = false;                                // what is not enforced is dropped, not refused
    bool closed = false;                               // an object that declares properties takes no others
    std::unordered_set<std::string> enforced;          // formats that are
    std::unordered_set<std::string> refused;           // formats that are known and are not
    std::unordered_map<std::string, std::string> patterns;   // of formats that the caller defines
};

class SchemaReader : private SchemaWalk {
  public:
    SchemaReader(SchemaTable& table, const ReaderOptions& options, nb::object resolver, int64_t schema_bytes, int64_t depth)
        : SchemaWalk(table, std::move(resolver), options.draft, schema_bytes, depth), options_(options), values_(table, budget_) {}

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
    // --- one location ---

    void read_location(const Work& work) {
        at_ = work;
        node_ = SchemaNode();
        place_ = work.place;
        size_t first_mark = table_.marks.size();
        collect();
        if (has_any({Keyword::Id, Keyword::PlainId})) at_.context = references_.entered(at_.schema, at_.place, at_.context);
        draft_ = references_.context(at_.context).draft;
        bool validation = references_.context(at_.context).validation;
        node_.place = at_.place;
        node_.resource = at_.context;
        present_ = written_ & keywords_of(draft_) & (validation ? ~0ull : ~validation_keywords());
        beside_ref_ = bit(Keyword::Ref) & present_ && !merges_ref_siblings(draft_);
        if (beside_ref_) present_ = bit(Keyword::Ref);
        idle_ = 0;
        format_ = {Treatment::Exact, Reason::None};
        read_content();
        if (!(present_ & ~annotations()) && !content_) {
            node_.always = 1;
        } else {
            read_any();
            if (present_ & about(kNumber)) read_numbers();
            if ((present_ & about(kString)) || content_) read_strings();
            if (present_ & about(kArray)) read_arrays();
            if (present_ & about(kObject)) read_objects();
            read_in_place();
        }
        treat(first_mark, validation);
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
            if (own & asserted_content_) continue;
            if (own & present_ & ~idle_ && !known.annotation) {
                if (known.keyword == Keyword::Format) std::tie(mark.treatment, mark.reason) = format_;
                if (known.keyword == Keyword::UniqueItems && slot(Keyword::UniqueItems) == Py_True) mark.treatment = Treatment::Guarded;
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
            } else if (own & unknown_content_) {
                mark.reason = Reason::ContentUnknown;
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
        s.content = content_;
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

    // What draft 7 says about the content of strings: encodings of RFC 2045, 6.1, and one media type. Neither minds case.
    void read_content() {
        content_ = 0;
        asserted_content_ = unknown_content_ = 0;
        if (draft_ != kDraft7) return;   // annotations since 2019-09
        bool readable = true;
        if (has(Keyword::ContentEncoding)) {
            const std::string name = lower_case(text(Keyword::ContentEncoding));
            const bool plain = name == "7bit" || name == "8bit" || name == "binary";
            readable = plain || name == "base64";
            if (plain) idle_ |= bit(Keyword::ContentEncoding);
            else if (readable) content_ |= kBase64;
            (readable ? asserted_content_ : unknown_content_) |= plain ? 0 : bit(Keyword::ContentEncoding);
        }
        if (!has(Keyword::ContentMediaType)) return;
        std::string name = lower_case(text(Keyword::ContentMediaType));
        name.resize(std::min(name.size(), name.find_first_of("; \t")));   // parameters
        const bool known = readable && name == "application/json";
        if (known) content_ |= kJsonDocument;
        (known ? asserted_content_ : unknown_content_) |= bit(Keyword::ContentMediaType);
    }

    static std::string lower_case(PyObject* text) {
        std::string name(PythonText(text).view);
        for (char& c : name)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        return name;
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
        if (options_.enforced.count(plain)) {
            const int32_t text = table_.intern(plain);
            if (auto own = options_.patterns.find(plain); own != options_.patterns.end()) table_.formats.emplace(text, own->second);
            return text;
        }
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

    const ReaderOptions& options_;
    ValueReader values_;

    // The location that is being read.
    SchemaNode node_;
    uint64_t idle_ = 0;                // keywords without effect here
    bool beside_ref_ = false;
    std::pair<Treatment, Reason> format_;
    uint8_t content_ = 0;              // ContentBits
    uint64_t asserted_content_ = 0, unknown_content_ = 0;   // keywords about the content that are enforced, and that are not
};

}  // namespace guidedgen
