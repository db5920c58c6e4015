// What references point to: documents, the schema resources in them (parts with an identifier of their own, 2020-12 core,
// 8.2.1) and their anchors. JSON pointers are followed here; Python is asked for URIs and documents only.
#pragma once

#include <optional>

#include "python_json.h"
#include "schema_keywords.h"

namespace guidedgen {

struct Anchor {
    PyObject* schema;
    int32_t place, context;
    bool dynamic;
};

// A schema resource: what references in it are relative to, and its dialect.
struct Context {
    PyObject* root;
    int32_t place;
    int32_t document;
    int32_t parent;                       // -1: the root of a document
    std::string identifier;               // as written; relative to the parent's
    std::optional<std::string> base;      // the absolute one, once it was needed
    Draft draft;
    bool validation = true;               // the dialect has the validation vocabulary
    bool asserts_format = false;          // the dialect has the format-assertion vocabulary
    std::unordered_map<int32_t, Anchor> anchors;   // by name; complete once the document is indexed
};

struct Document {
    PyObject* root;
    int32_t context;
    bool indexed = false;
};

struct Target {
    PyObject* schema;
    int32_t place, context;
    bool dynamic = false;                 // reached by the name of a dynamic anchor
};

class References {
  public:
    References(SchemaTable& table, ReadingBudget& budget, nb::object resolver, Draft otherwise)
        : table_(table), budget_(budget), resolver_(std::move(resolver)), otherwise_(otherwise) {}

    const Context& context(int32_t id) const { return contexts_[static_cast<size_t>(id)]; }
    int32_t contexts() const { return static_cast<int32_t>(contexts_.size()); }

    // Keeps an object alive until reading ends: resolvers are foreign code and may change what is being read.
    PyObject* keep(PyObject* o) {
        kept_.push_back(nb::borrow(o));
        return o;
    }

    int32_t open(PyObject* root, const std::string& uri) {
        int32_t place = table_.place(-1, table_.intern(uri));
        contexts_.push_back(Context{keep(root), place, static_cast<int32_t>(documents_.size()), -1, "", uri, otherwise_, true, false, {}});
        documents_.push_back(Document{root, contexts() - 1});
        int32_t id = contexts() - 1;
        set_context(place, id);
        by_uri_.emplace(uri, id);
        if (PyDict_Check(root)) {
            take_dialect(root, place, id);
            if (uri.empty()) otherwise_ = contexts_.back().draft;
            std::optional<std::string> own = identifier(root, context(id).draft);
            if (own) contexts_[static_cast<size_t>(id)].base = joined(uri, *own, place);
            by_uri_.emplace(*context(id).base, id);
        }
        return id;
    }

    // The resource of a schema at a place in another resource: itself where it has an identifier.
    int32_t entered(PyObject* schema, int32_t place, int32_t outer) {
        int32_t known = context_at(place);
        if (known >= 0) return known;
        if (!PyDict_Check(schema) || (!text_item(schema, "$id") && !text_item(schema, "id"))) return outer;
        keep(schema);
        Context inner{schema, place, context(outer).document, outer, "", {}, context(outer).draft, context(outer).validation,
                      context(outer).asserts_format, {}};
        contexts_.push_back(std::move(inner));
        int32_t id = contexts() - 1;
        take_dialect(schema, place, id);
        // `id` names nothing to a dialect that does not have it, whatever `$schema` beside it says.
        bool foreign = context(id).draft == kDraft4 && context(outer).draft != kDraft4;
        std::optional<std::string> own = identifier(schema, context(id).draft);
        if (!own || foreign) {
            contexts_.pop_back();
            return outer;
        }
        contexts_.back().identifier = *own;
        set_context(place, id);
        return id;
    }

    // Nothing where the reference points to nothing.
    std::optional<Target> find(int32_t from, std::string_view reference, int32_t place, const char* keyword) {
        size_t hash = reference.find('#');
        std::string_view uri = reference.substr(0, hash);
        std::string fragment = hash == std::string_view::npos ? "" : decoded(reference.substr(hash + 1));
        int32_t in = uri.empty() ? from : resource_at(from, uri, reference, place, keyword);
        if (fragment.empty()) return Target{context(in).root, context(in).place, in};
        if (fragment[0] == '/') return descend(in, fragment);
        return named(in, table_.intern(fragment));
    }

    const std::unordered_map<int32_t, Anchor>& anchors(int32_t id) {
        index(context(id).document);
        return context(id).anchors;
    }

  private:
    int32_t context_at(int32_t place) const {
        return static_cast<size_t>(place) < context_of_place_.size() ? context_of_place_[static_cast<size_t>(place)] : -1;
    }
    void set_context(int32_t place, int32_t id) {
        if (context_of_place_.size() <= static_cast<size_t>(place)) context_of_place_.resize(table_.places.size() + 16, -1);
        context_of_place_[static_cast<size_t>(place)] = id;
    }

    // A str under a key, or null.
    static PyObject* text_item(PyObject* schema, const char* key) {
        PyObject* value = PyDict_GetItemString(schema, key);
        return value && PyUnicode_Check(value) ? value : nullptr;
    }

    // What changes the base URI. Up to draft 7 nothing beside `$ref` counts, and "#name" is an anchor.
    static std::optional<std::string> identifier(PyObject* schema, Draft draft) {
        PyObject* value = text_item(schema, draft == kDraft4 ? "id" : "$id");
        if (!value) return {};
        if (!merges_ref_siblings(draft) && PyDict_GetItemString(schema, "$ref")) return {};
        PythonText text(value);
        std::string_view plain = text.view.substr(0, text.view.find('#'));
        if (plain.empty()) return {};
        return std::string(plain);
    }

    void take_dialect(PyObject* schema, int32_t place, int32_t id) {
        PyObject* declared = PyDict_GetItemString(schema, "$schema");
        if (!declared) return;
        std::string pointer = table_.pointer(place) + "/$schema";
        if (!PyUnicode_Check(declared)) throw SchemaError(SchemaError::Kind::Malformed, "$schema must be a URI", pointer, "$schema");
        Context& context = contexts_[static_cast<size_t>(id)];
        context.validation = true;
        context.asserts_format = false;
        if (standard_dialect(PythonText(declared).view, context.draft)) return;
        nb::object found = resolver_.attr("dialect")(nb::borrow(declared));
        if (found.is_none())
            throw SchemaError(SchemaError::Kind::Unsupported, "the dialect " + shown(declared) + " is not known", pointer, "$schema",
                              "Use drafts 4, 6, 7, 2019-09 or 2020-12, or leave $schema out.");
        contexts_[static_cast<size_t>(id)].draft = static_cast<Draft>(nb::cast<int>(found[0]));
        contexts_[static_cast<size_t>(id)].validation = nb::cast<bool>(found[1]);
        contexts_[static_cast<size_t>(id)].asserts_format = nb::cast<bool>(found[2]);
    }

    // http or https, with or without an empty fragment.
    static bool standard_dialect(std::string_view uri, Draft& draft) {
        size_t scheme = uri.find("://");
        if (scheme != std::string_view::npos) uri.remove_prefix(scheme + 3);
        while (!uri.empty() && uri.back() == '#') uri.remove_suffix(1);
        constexpr std::string_view host = "json-schema.org/";
        if (uri.substr(0, host.size()) != host) return false;
        uri.remove_prefix(host.size());
        static const std::pair<std::string_view, Draft> known[] = {
            {"draft/2020-12/schema", kDraft2020}, {"draft-07/schema", kDraft7}, {"draft-04/schema", kDraft4},
            {"draft/2019-09/schema", kDraft2019}, {"draft-06/schema", kDraft6}, {"schema", kMixed}};
        for (const auto& entry : known)
            if (entry.first == uri) {
                draft = entry.second;
                return true;
            }
        return false;
    }

    std::string joined(const std::string& base, const std::string& reference, int32_t place) {
        nb::object found = resolver_.attr("join")(python_text(base), python_text(reference));
        if (found.is_none())
            throw SchemaError(SchemaError::Kind::Malformed, "an identifier must be a URI, not '" + reference + "'", table_.pointer(place), "$id");
        return std::string(PythonText(found.ptr()).view);
    }

    const std::string& base(int32_t id) {
        std::vector<int32_t> chain;
        for (int32_t at = id; !context(at).base; at = context(at).parent) chain.push_back(at);
        for (size_t i = chain.size(); i-- > 0;) {
            Context& c = contexts_[static_cast<size_t>(chain[i])];
            std::string made = joined(*context(c.parent).base, c.identifier, c.place);
            budget_.spend(made.size());
            contexts_[static_cast<size_t>(chain[i])].base = made;
        }
        return *context(id).base;
    }

    int32_t resource_at(int32_t from, std::string_view uri, std::string_view reference, int32_t place, const char* keyword) {
        uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(from)) << 32 | static_cast<uint32_t>(table_.intern(uri));
        auto known = resolved_.find(key);
        if (known != resolved_.end()) return known->second;
        nb::object full = resolver_.attr("join")(python_text(base(from)), python_text(uri));
        std::optional<int32_t> found;
        if (!full.is_none()) found = located(std::string(PythonText(full.ptr()).view));
        if (!found) {
            nb::object text = python_text(reference);
            throw SchemaError(SchemaError::Kind::Unsupported, "the reference " + shown(text.ptr()) + " leaves the schema",
                              table_.pointer(place) + "/" + keyword, keyword, "Pass the document in registry={uri: document}.");
        }
        resolved_.emplace(key, *found);
        return *found;
    }

    // The resource of a URI: one that is known, one in the documents that are, a document of the registry, or one in any.
    std::optional<int32_t> located(const std::string& uri) {
        auto known = by_uri_.find(uri);
        if (known != by_uri_.end()) return known->second;
        for (size_t i = 0; i < documents_.size(); ++i) index(static_cast<int32_t>(i));
        known = by_uri_.find(uri);
        if (known != by_uri_.end()) return known->second;
        nb::object document = resolver_.attr("document")(python_text(uri));
        if (!document.is_none()) return open(document.ptr(), uri);
        nb::object others = resolver_.attr("uris")();
        for (nb::handle other : others) {
            std::string name(PythonText(other.ptr()).view);
            if (by_uri_.count(name)) continue;
            nb::object remote = resolver_.attr("document")(other);
            if (!remote.is_none()) index(context(open(remote.ptr(), name)).document);
        }
        known = by_uri_.find(uri);
        if (known != by_uri_.end()) return known->second;
        return {};
    }

    std::optional<Target> named(int32_t in, int32_t name) {
        index(context(in).document);
        auto found = context(in).anchors.find(name);
        if (found == context(in).anchors.end()) return {};
        const Anchor& anchor = found->second;
        return Target{anchor.schema, anchor.place, anchor.context, anchor.dynamic};
    }

    // RFC 3986, 2.1.
    static std::string decoded(std::string_view text) {
        auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
        std::string result;
        for (size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
                result += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
                i += 2;
            } else {
                result += text[i];
            }
        }
        return result;
    }

    // Follows a JSON pointer (RFC 6901) from the root of a resource; resources on the way change what it is relative to.
    std::optional<Target> descend(int32_t in, const std::string& pointer) {
        Target at{context(in).root, context(in).place, in};
        std::optional<Below> kind = Below::Schema;   // what stands here; nothing: unknown, identifiers say nothing
        for (size_t start = 1; start <= pointer.size();) {
            size_t end = std::min(pointer.find('/', start), pointer.size());
            std::string token;
            for (size_t i = start; i < end; ++i) {
                if (pointer[i] == '~' && i + 1 < end && (pointer[i + 1] == '0' || pointer[i + 1] == '1'))
                    token += pointer[++i] == '0' ? '~' : '/';
                else
                    token += pointer[i];
            }
            start = end + 1;
            kind = below(at.schema, kind, token);
            at.schema = item(at.schema, token);
            if (!at.schema) return {};
            at.place = table_.place(at.place, table_.intern(token));
            budget_.deeper(table_.places[static_cast<size_t>(at.place)].depth);
            if (kind == Below::Schema) at.context = entered(at.schema, at.place, at.context);
        }
        return at;
    }

    static PyObject* item(PyObject* container, const std::string& token) {
        if (PyDict_Check(container)) {
            nb::object key = python_text(token);
            PyObject* found = PyDict_GetItemWithError(container, key.ptr());
            if (!found && PyErr_Occurred()) throw nb::python_error();
            return found;
        }
        if (!is_list(container) || token.empty() || token.size() > 9 || (token[0] == '0' && token.size() > 1)) return nullptr;
        for (char c : token)
            if (c < '0' || c > '9') return nullptr;
        Py_ssize_t index = std::stol(token);
        return index < list_size(container) ? list_item(container, index) : nullptr;
    }

    static std::optional<Below> below(PyObject* container, std::optional<Below> kind, std::string_view token) {
        if (!kind) return {};
        if (*kind == Below::Map) return Below::Schema;
        if (*kind == Below::List || (*kind == Below::SchemaOrList && is_list(container))) return Below::Schema;
        const KeywordInfo* known = KeywordIndex::instance().find(token);
        if (!known || known->below == Below::Nothing) return {};
        return known->below;
    }

    // Finds the resources and anchors of a document; only done where something is looked for by its name.
    void index(int32_t document) {
        Document& d = documents_[static_cast<size_t>(document)];
        if (d.indexed) return;
        d.indexed = true;
        std::vector<Target> stack{{d.root, context(d.context).place, d.context}};
        while (!stack.empty()) {
            Target at = stack.back();
            stack.pop_back();
            if (!PyDict_Check(at.schema)) continue;
            budget_.spend(8);
            budget_.deeper(table_.places[static_cast<size_t>(at.place)].depth);
            at.context = entered(at.schema, at.place, at.context);
            by_uri_.emplace(base(at.context), at.context);
            note_anchors(at);
            push_children(at, stack);
        }
    }

    void note_anchors(const Target& at) {
        Draft draft = context(at.context).draft;
        auto note = [&](const char* keyword, bool dynamic) {
            PyObject* name = text_item(at.schema, keyword);
            if (!name) return;
            PythonText written(name);
            std::string_view text = written.view;
            if (keyword[0] != '$' || keyword[1] == 'i') {   // id, $id: up to draft 7 anchors are written as a fragment
                if (text.empty() || text[0] != '#') return;
                text.remove_prefix(1);
            }
            int32_t id = table_.intern(text);
            Anchor made{keep(at.schema), at.place, at.context, dynamic};
            auto& anchors = contexts_[static_cast<size_t>(at.context)].anchors;
            if (dynamic) anchors[id] = made;
            else anchors.emplace(id, made);
        };
        if (draft == kDraft4) note("id", false);
        if (draft == kMixed || draft == kDraft6 || draft == kDraft7) note("$id", false);
        if (draft == kMixed || draft >= kDraft2019) note("$anchor", false);
        if (draft == kMixed || draft >= kDraft2020) note("$dynamicAnchor", true);
    }

    void push_children(const Target& at, std::vector<Target>& stack) {
        PyObject *key, *value;
        for (Py_ssize_t i = 0; PyDict_Next(at.schema, &i, &key, &value);) {
            if (!PyUnicode_Check(key)) continue;
            const KeywordInfo* known = KeywordIndex::instance().find(PythonText(key).view);
            if (!known || known->below == Below::Nothing) continue;
            int32_t place = table_.place(at.place, table_.intern(known->name));
            if (known->below == Below::Map && PyDict_Check(value)) {
                PyObject *inner, *schema;
                for (Py_ssize_t j = 0; PyDict_Next(value, &j, &inner, &schema);)
                    if (PyUnicode_Check(inner) && PyDict_Check(schema))
                        stack.push_back({keep(schema), table_.place(place, table_.intern(PythonText(inner).view)), at.context});
            } else if (is_list(value)) {
                for (Py_ssize_t j = 0; j < list_size(value); ++j)
                    if (PyDict_Check(list_item(value, j)))
                        stack.push_back({keep(list_item(value, j)), table_.place(place, table_.intern(std::to_string(j))), at.context});
            } else if (PyDict_Check(value) && known->below != Below::List && known->below != Below::Map) {
                stack.push_back({keep(value), place, at.context});
            }
        }
    }

    SchemaTable& table_;
    ReadingBudget& budget_;
    nb::object resolver_;
    Draft otherwise_;
    std::vector<Context> contexts_;
    std::vector<Document> documents_;
    std::vector<nb::object> kept_;
    std::vector<int32_t> context_of_place_;
    std::unordered_map<std::string, int32_t> by_uri_;
    std::unordered_map<uint64_t, int32_t> resolved_;
};

}  // namespace guidedgen
