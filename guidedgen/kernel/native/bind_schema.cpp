// `_native.Schema`: a schema that was read, its report, and its nodes as plain Python values for tests.
#include "bind_schema.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include "content_key.h"
#include "schema_reader.h"
#include "schema_report.h"

namespace nb = nanobind;
using nb::literals::operator""_a;

namespace guidedgen {
namespace {

int64_t bound(const nb::dict& limits, const char* name, int64_t otherwise) {
    if (!limits.contains(name)) return otherwise;
    int overflow = 0;
    int64_t value = PyLong_AsLongLongAndOverflow(nb::object(limits[name]).ptr(), &overflow);
    return overflow ? INT64_MAX : value;
}

std::unordered_set<std::string> names(const nb::dict& options, const char* option) {
    std::unordered_set<std::string> result;
    if (options.contains(option))
        for (nb::handle name : nb::object(options[option])) result.insert(nb::cast<std::string>(name));
    return result;
}

ReaderOptions reader_options(const nb::dict& given) {
    ReaderOptions options;
    auto text = [&](const char* name) { return given.contains(name) ? nb::cast<std::string>(given[name]) : std::string(); };
    if (given.contains("draft")) options.draft = static_cast<Draft>(nb::cast<int>(given["draft"]));
    using Format = ReaderOptions::Format;
    options.format = text("format") == "annotation" ? Format::Annotation : text("format") == "strict" ? Format::Strict : Format::Assert;
    options.relax = text("on_unsupported") == "relax";
    options.closed = given.contains("closed") && nb::cast<bool>(given["closed"]);
    options.enforced = names(given, "enforced_formats");
    options.refused = names(given, "refused_formats");
    if (given.contains("format_patterns"))
        for (auto [name, pattern] : nb::cast<nb::dict>(given["format_patterns"]))
            options.patterns.emplace(nb::cast<std::string>(name), nb::cast<std::string>(pattern));
    return options;
}

const char* word(Treatment treatment) {
    static const char* const words[] = {"exact", "guarded", "validated", "annotation", "relaxed"};
    return words[static_cast<size_t>(treatment)];
}

nb::tuple report_tuples(const SchemaTable& table) {
    std::vector<ReportLine> lines = report_lines(table);
    nb::tuple result = nb::steal<nb::tuple>(PyTuple_New(static_cast<Py_ssize_t>(lines.size())));
    for (size_t i = 0; i < lines.size(); ++i) {
        const ReportLine& line = lines[i];
        nb::tuple entry = nb::make_tuple(python_text(line.pointer), python_text(line.keyword), word(line.treatment), python_text(line.note));
        PyTuple_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), entry.release().ptr());
    }
    return result;
}

// --- nodes as plain values ---

class Dump {
  public:
    explicit Dump(const SchemaTable& table) : table_(table) {}

    nb::list nodes() const {
        nb::list result;
        for (const SchemaNode& node : table_.nodes) result.append(dumped(node));
        return result;
    }

  private:
    nb::object text(int32_t id) const { return id < 0 ? nb::none() : python_text(table_.text(id)); }

    static nb::list ids(const std::vector<int32_t>& given) {
        nb::list result;
        for (int32_t id : given) result.append(id);
        return result;
    }
    nb::list texts(const std::vector<int32_t>& given) const {
        nb::list result;
        for (int32_t id : given) result.append(text(id));
        return result;
    }
    nb::list named(const std::vector<std::pair<int32_t, int32_t>>& given) const {
        nb::list result;
        for (const auto& entry : given) result.append(nb::make_tuple(text(entry.first), entry.second));
        return result;
    }

    nb::object value(int32_t id) const {
        const Value& v = table_.values[static_cast<size_t>(id)];
        nb::list parts;
        switch (v.kind) {
            case Value::Kind::Null: return nb::make_tuple("null");
            case Value::Kind::False: return nb::make_tuple("boolean", false);
            case Value::Kind::True: return nb::make_tuple("boolean", true);
            case Value::Kind::Number: return nb::make_tuple("number", text(v.text));
            case Value::Kind::String: return nb::make_tuple("string", text(v.text));
            case Value::Kind::Array:
                for (int32_t item : v.items) parts.append(value(item));
                return nb::make_tuple("array", parts);
            case Value::Kind::Object:
                for (const auto& member : v.members) parts.append(nb::make_tuple(text(member.first), value(member.second)));
                return nb::make_tuple("object", parts);
        }
        return nb::none();
    }

    nb::dict dumped(const SchemaNode& node) const {
        nb::dict d;
        d["pointer"] = python_text(table_.pointer(node.place));
        d["always"] = static_cast<int>(node.always);
        d["types"] = static_cast<int>(node.types);
        d["digits_only"] = node.digits_only;
        d["resource"] = node.resource;
        d["dynamic_anchors"] = anchors(node);
        if (node.has_values) {
            nb::list values;
            for (int32_t id : node.values) values.append(value(id));
            d["values"] = values;
        }
        if (node.number) add(d, *node.number);
        if (node.string) add(d, *node.string);
        if (node.array) add(d, *node.array);
        if (node.object) add(d, *node.object);
        if (node.in_place) add(d, *node.in_place);
        return d;
    }

    nb::dict anchors(const SchemaNode& node) const {
        nb::dict result;
        for (const auto& entry : table_.resources[static_cast<size_t>(node.resource)].dynamic_anchors) result[text(entry.first)] = entry.second;
        return result;
    }

    void add(nb::dict& d, const NumberKeywords& n) const {
        d["minimum"] = text(n.minimum);
        d["maximum"] = text(n.maximum);
        d["exclusive_minimum"] = text(n.exclusive_minimum);
        d["exclusive_maximum"] = text(n.exclusive_maximum);
        d["multiple_of"] = text(n.multiple_of);
    }
    void add(nb::dict& d, const StringKeywords& s) const {
        d["min_length"] = s.min_length;
        d["max_length"] = s.max_length;
        d["pattern"] = text(s.pattern);
        d["format"] = text(s.format);
        d["content"] = s.content;
    }
    void add(nb::dict& d, const ArrayKeywords& a) const {
        d["prefix"] = ids(a.prefix);
        d["items"] = a.items;
        d["contains"] = a.contains;
        d["min_contains"] = a.min_contains;
        d["max_contains"] = a.max_contains;
        d["min_items"] = a.min_items;
        d["max_items"] = a.max_items;
        d["unique"] = a.unique;
        d["unevaluated_items"] = a.unevaluated;
        d["contains_evaluates"] = a.contains_evaluates;
    }
    void add(nb::dict& d, const ObjectKeywords& o) const {
        d["properties"] = named(o.properties);
        d["patterns"] = named(o.patterns);
        d["additional"] = o.additional;
        d["names"] = o.names;
        d["required"] = texts(o.required);
        d["min_properties"] = o.min_properties;
        d["max_properties"] = o.max_properties;
        nb::list needed;
        for (const auto& entry : o.dependent_required) needed.append(nb::make_tuple(text(entry.first), texts(entry.second)));
        d["dependent_required"] = needed;
        d["dependent_schemas"] = named(o.dependent_schemas);
        d["unevaluated_properties"] = o.unevaluated;
    }
    void add(nb::dict& d, const InPlaceKeywords& in) const {
        d["all_of"] = ids(in.all_of);
        d["any_of"] = ids(in.any_of);
        d["one_of"] = ids(in.one_of);
        d["not"] = in.not_;
        d["if"] = in.if_;
        d["then"] = in.then_;
        d["else"] = in.else_;
        d["ref"] = in.ref;
        d["dynamic"] = in.dynamic;
        d["anchor"] = text(in.anchor);
    }

    const SchemaTable& table_;
};

}  // namespace

struct ReaderSettings {
    ReaderOptions options;
    int64_t schema_bytes, depth;
};

std::shared_ptr<const ReaderSettings> reader_settings(const nb::dict& options, const nb::dict& limits) {
    return std::make_shared<ReaderSettings>(
        ReaderSettings{reader_options(options), bound(limits, "schema_bytes", 16 << 20), bound(limits, "depth", 500)});
}

std::shared_ptr<SchemaTable> read_schema(nb::handle schema, const ReaderSettings& settings, nb::object resolver) {
    auto table = std::make_shared<SchemaTable>();
    SchemaReader reader(*table, settings.options, std::move(resolver), settings.schema_bytes, settings.depth);
    reader.read(schema.ptr());
    return table;
}

nb::object content_key(nb::handle schema) {
    const auto key = ContentKey::of(schema.ptr());
    if (!key) return nb::none();
    return nb::bytes(reinterpret_cast<const char*>(key->data()), sizeof *key);
}

void raise_schema_error(const SchemaError& e) {
    static const char* const names[] = {"CompileError", "GrammarSyntaxError", "UnsupportedFeature", "UnsatisfiableSchema"};
    nb::object type = nb::module_::import_("guidedgen.errors").attr(names[static_cast<size_t>(e.kind)]);
    nb::dict kwargs;
    kwargs["pointer"] = python_text(e.pointer);
    if (!e.keyword.empty()) kwargs["keyword"] = python_text(e.keyword);
    if (!e.hint.empty()) kwargs["hint"] = python_text(e.hint);
    nb::object error = type(python_text(e.what()), **kwargs);
    PyErr_SetObject(type.ptr(), error.ptr());
}

void bind_schema(nb::module_& m) {
    nb::class_<SchemaTable>(m, "Schema", "A JSON Schema as read; see guidedgen.grammars.json_schema.native_schema.")
        .def(nb::new_([](nb::object schema, nb::dict options, nb::object resolve, nb::dict limits) {
                 return read_schema(schema, *reader_settings(options, limits), std::move(resolve));
             }), "schema"_a.none(), "options"_a, "resolve"_a, "limits"_a)
        .def("report", &report_tuples, nb::sig("def report(self) -> tuple[tuple[str, str, str, str], ...]"),
             "Pointer, keyword, treatment and note of every keyword that was read.")
        .def("dump", [](const SchemaTable& table) { return Dump(table).nodes(); }, nb::sig("def dump(self) -> list[dict[str, object]]"),
             "Every node as plain values, for tests.")
        .def_prop_ro("nodes", [](const SchemaTable& table) { return table.nodes.size(); })
        .def_prop_ro("dynamic", [](const SchemaTable& table) { return table.dynamic; })
        .def_prop_ro("memory", &SchemaTable::memory);
    m.def("content_key", &content_key, "schema"_a.none(), nb::sig("def content_key(schema: object) -> bytes | None"),
          "What a schema says, as 16 bytes that mean something in this process; None for what is no plain data.");
}

}  // namespace guidedgen
