// The binding: Python objects in, Python objects and typed errors out. That of schemas is bind_schema.cpp.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <map>
#include <thread>

#include "bind_automata.h"
#include "bind_text.h"
#include "bind_schema.h"
#include "bind_numbers.h"
#include "bind_rows.h"
#include "bind_settings.h"
#include "bind_where.h"
#include "matcher.h"
#include "numpy_arrays.h"

namespace nb = nanobind;
using namespace guidedgen;
using nb::literals::operator""_a;

using Words = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using WordRows = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Ints = nb::ndarray<const int32_t, nb::c_contig, nb::device::cpu>;
using Longs = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const uint8_t, nb::c_contig, nb::device::cpu>;

namespace {

size_t words_of(const Handle& h) { return h.arena->words(); }

nb::tuple to_tuple(const std::vector<int32_t>& values) {
    nb::tuple result = nb::steal<nb::tuple>(PyTuple_New(static_cast<Py_ssize_t>(values.size())));
    for (size_t i = 0; i < values.size(); ++i) PyTuple_SET_ITEM(result.ptr(), i, PyLong_FromLong(values[i]));
    return result;
}

nb::object optional(Handle h) {
    if (!h.position) return nb::none();
    return nb::cast(std::move(h));
}

void raise_typed(const char* name, nb::tuple args, nb::dict kwargs = nb::dict()) {
    nb::object type = nb::module_::import_("guidedgen.errors").attr(name);
    nb::object error = type(*args, **kwargs);
    PyErr_SetObject(type.ptr(), error.ptr());
}

void translate(const std::exception_ptr& p, void*) {
    try {
        std::rethrow_exception(p);
    } catch (const LimitError& e) {
        nb::dict remedy;
        if (e.fixed) remedy["remedy"] = "It is not a setting: simplify the input.";
        raise_typed("LimitExceeded", nb::make_tuple(e.limit, static_cast<int64_t>(e.value), e.detail), remedy);
    } catch (const SchemaError& e) {
        raise_schema_error(e);
    } catch (const SpellingError& e) {
        std::string text = e.what();
        nb::object repr = nb::module_::import_("builtins").attr("repr")(nb::bytes(text.data(), text.size()));
        nb::object message = nb::str("the vocabulary cannot spell {}. Use one that has a token for every byte.").attr("format")(repr);
        raise_typed("DeadEnd", nb::make_tuple(message));
    } catch (const UnsatisfiableError&) {
        nb::dict hint;
        hint["hint"] = "No text at all can satisfy it: look for contradicting parts or rules that only refer to themselves.";
        raise_typed("UnsatisfiableSchema", nb::make_tuple("the grammar derives no text"), hint);
    }
}

// `texts`: the schemas that JSON symbols name, each with how its texts are written.
std::shared_ptr<Grammar> make_grammar(std::shared_ptr<Vocabulary> vocabulary, Ints exprs, Ints symbols, Ints pool, Bytes byte_sets,
                                      nb::bytes literals, int32_t start, nb::dict limits, nb::sequence texts) {
    Table t{exprs.data(), symbols.data(), pool.data(), static_cast<int64_t>(exprs.size() / 3),
            static_cast<int64_t>(symbols.size() / 3), byte_sets.data(), reinterpret_cast<const uint8_t*>(literals.c_str()), start};
    const Limits l = read_limits(limits);
    std::vector<JsonSource> json;
    for (nb::handle text : texts) json.push_back({nb::cast<std::shared_ptr<SchemaTable>>(text[0]), json_options(nb::cast<nb::dict>(text[1]), l)});
    return std::make_shared<Grammar>(std::move(vocabulary), t, json, l);
}

std::shared_ptr<Grammar> schema_grammar(std::shared_ptr<Vocabulary> vocabulary, nb::handle schema, const SchemaSettings& settings) {
    auto table = read_schema(schema, *settings.reader, settings.resolver);
    return std::make_shared<Grammar>(std::move(vocabulary), std::move(table), settings.json, settings.limits);
}

// Any whole number of Python as a budget of Grammar::fill; -1 for None.
int64_t budget_of(const nb::object& given) {
    if (given.is_none()) return -1;
    int overflow = 0;
    int64_t value = PyLong_AsLongLongAndOverflow(given.ptr(), &overflow);
    if (PyErr_Occurred()) throw nb::python_error();
    if (overflow > 0) value = INT64_MAX;
    if (overflow < 0 || value < 0) throw nb::value_error("budget: give a number of tokens from 0 up, or None");
    return value;
}

NumpyArrays numpy_arrays;

void fill(const Handle& h, nb::handle out, nb::object budget) {
    int32_t* elements = numpy_arrays.elements(out.ptr(), words_of(h));
    Words other;
    if (!elements) {
        if (out.is_none() || !nb::try_cast(out, other, false))
            throw nb::value_error("mask buffer: expected a C-contiguous int32 array [ceil(V / 32)]");
        if (other.size() != words_of(h)) throw nb::value_error("mask buffer: expected int32 [ceil(V / 32)]");
        elements = other.data();
    }
    h.grammar->fill(h, budget_of(budget), reinterpret_cast<uint32_t*>(elements));
}

nb::object mask(const Handle& h, nb::object budget) {
    const int64_t tokens = budget_of(budget);
    size_t n = words_of(h);
    auto* data = new int32_t[n];
    nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<int32_t*>(p); });
    h.grammar->fill(h, tokens, reinterpret_cast<uint32_t*>(data));
    return nb::cast(nb::ndarray<nb::numpy, int32_t, nb::ndim<1>>(data, {n}, owner));
}

struct Wanted {
    const Handle* handle;
    int64_t budget;
    uint32_t* out;
};

// Rows whose masks are not known yet. Those that would take turns go to one thread: others could only wait for it.
void fill_unknown(const std::vector<Wanted>& rows, int threads) {
    std::map<const void*, std::vector<Wanted>> by_turns;
    for (const Wanted& row : rows) by_turns[row.handle->grammar->turns()].push_back(row);
    std::vector<const std::vector<Wanted>*> shares;
    for (const auto& entry : by_turns) shares.push_back(&entry.second);
    std::exception_ptr failure;
    std::mutex failure_mutex;
    std::atomic<size_t> next{0};
    auto work = [&] {
        for (size_t i = next++; i < shares.size(); i = next++) {
            try {   // exceptions never leave a thread
                for (const Wanted& row : *shares[i]) row.handle->grammar->fill(*row.handle, row.budget, row.out);
            } catch (...) {
                std::lock_guard<std::mutex> guard(failure_mutex);
                failure = std::current_exception();
            }
        }
    };
    std::vector<std::thread> pool;
    for (int t = 1; t < threads && static_cast<size_t>(t) < shares.size(); ++t) pool.emplace_back(work);
    work();
    for (auto& t : pool) t.join();
    if (failure) std::rethrow_exception(failure);
}

// The grammar keeps the function as an opaque companion, so that only this file knows Python.
void set_explainer(Grammar& g, nb::object function) {
    g.companion = std::shared_ptr<nb::object>(new nb::object(std::move(function)), [](nb::object* held) {
        nb::gil_scoped_acquire gil;
        delete held;
    });
}

nb::object explainer(const Grammar& g) {
    return g.companion ? *static_cast<nb::object*>(g.companion.get()) : nb::none();
}

// Fills row i of `out` from states[i].
void fill_masks(nb::list states, WordRows out, int threads, nb::object budgets) {
    const size_t n = states.size();
    if (out.shape(0) < n) throw nb::value_error("mask buffer: fewer rows than states");
    if (!budgets.is_none() && nb::len(budgets) != n) throw nb::value_error("budgets: expected one for each state");
    std::vector<Wanted> rows;
    for (size_t i = 0; i < n; ++i) {
        const auto* handle = nb::cast<const Handle*>(states[i]);
        if (out.shape(1) != words_of(*handle)) throw nb::value_error("mask buffer: expected int32 [B, ceil(V / 32)]");
        const int64_t budget = budgets.is_none() ? -1 : budget_of(nb::object(budgets[i]));
        rows.push_back({handle, budget, reinterpret_cast<uint32_t*>(out.data()) + i * out.shape(1)});
    }
    nb::gil_scoped_release release;
    auto known = [](const Wanted& row) { return Grammar::fill_known(*row.handle, row.budget, row.out); };
    rows.erase(std::remove_if(rows.begin(), rows.end(), known), rows.end());
    if (!rows.empty()) fill_unknown(rows, threads);
}

nb::dict stats(Grammar& g) {
    nb::dict result;
    for (const auto& entry : g.stats()) result[entry.first] = entry.second;
    return result;
}

// Whoever has the mutex needs no interpreter to go on.
void wait_without_interpreter(std::mutex& mutex) {
    if (!PyGILState_Check()) return mutex.lock();
    nb::gil_scoped_release release;
    mutex.lock();
}

}  // namespace

NB_MODULE(_native, m) {
    wait_for = &wait_without_interpreter;
    m.doc() = "Native token-mask kernel. Use it through guidedgen.kernel.";
    // States that module-level caches still hold when the interpreter ends are not leaks worth a report to users.
    nb::set_leak_warnings(false);
    nb::register_exception_translator(translate);
    numpy_arrays.find();

    nb::class_<Vocabulary>(m, "Vocabulary", "The bytes of all tokens as a prefix tree.")
        .def(
            "__init__",
            [](Vocabulary* self, nb::bytes data, Longs offsets) {
                if (offsets.size() < 1 || offsets.data()[offsets.size() - 1] != static_cast<int64_t>(data.size()))
                    throw nb::value_error("offsets do not match the data");
                for (size_t i = 1; i < offsets.size(); ++i)
                    if (offsets.data()[i] < offsets.data()[i - 1] || offsets.data()[0] != 0) throw nb::value_error("offsets must not fall");
                new (self) Vocabulary(reinterpret_cast<const uint8_t*>(data.c_str()), offsets.data(), static_cast<int32_t>(offsets.size() - 1));
            },
            "data"_a, "offsets"_a)
        .def_prop_ro("size", &Vocabulary::size)
        .def_prop_ro("trie_nodes", [](const Vocabulary& v) { return v.trie().nodes.size(); })
        .def_prop_ro("trie_bytes", [](const Vocabulary& v) { return v.trie().memory(); });

    nb::class_<SchemaSettings>(m, "SchemaSettings", "How schemas are read, laid out and bounded; see guidedgen.grammars.json_schema.native_compile.")
        .def(nb::init<const nb::dict&, nb::object, const nb::dict&, const nb::dict&>(), "options"_a, "resolve"_a, "layout"_a, "limits"_a);

    nb::class_<Grammar>(m, "Grammar", "A grammar compiled for one vocabulary; thread-safe.")
        .def(nb::new_(&make_grammar), "vocabulary"_a, "exprs"_a, "symbols"_a, "pool"_a, "byte_sets"_a, "literals"_a, "start"_a, "limits"_a,
             "texts"_a = nb::make_tuple())
        .def_static("from_schema", &schema_grammar, "vocabulary"_a, "schema"_a.none(), "settings"_a, "The JSON texts of a schema.")
        .def_prop_ro("schema", &Grammar::schema, nb::sig("def schema(self) -> Schema | None"), "The schema that it was made from.")
        .def("start", &Grammar::start, "The position before the first token.")
        .def_prop_ro("vocab_size", &Grammar::vocab_size)
        .def_prop_rw("explainer", &explainer, &set_explainer, nb::arg().none(), "What `State.explain` calls with the state and the token.",
                     nb::for_getter(nb::sig("def explainer(self) -> object")), nb::for_setter(nb::sig("def explainer(self, arg: object, /) -> None")))
        .def("unproved", [](Grammar& g) { return tuple_of(g.unproved(), [](const std::string& pointer) { return text_of(pointer); }); },
             nb::sig("def unproved(self) -> tuple[str, ...]"),
             "Places of a JSON Schema where no search so far proved within its budget that a text can be completed.")
        .def_prop_ro("memory", &Grammar::memory, "Bytes that it holds, as `stats` says.")
        .def_prop_ro("lexer", [](Grammar& g) { const auto l = g.lexer(); return nb::make_tuple(l.first, l.second); },
                     nb::sig("def lexer(self) -> tuple[int, int]"),
             "What it shares with others: which one, and its bytes where grammars to come have another.")
        .def("stats", &stats, "Deterministic counters and sizes in bytes.");

    nb::class_<Handle>(m, "State", "An immutable position; see guidedgen.constraint.State.")
        .def("fill", &fill, "out"_a.none(), "budget"_a = nb::none(),
             nb::sig("def fill(self, out: numpy.typing.NDArray[numpy.int32], budget: int | None = None) -> None"))
        .def("mask", &mask, "budget"_a = nb::none(), nb::sig("def mask(self, budget: int | None = None) -> numpy.typing.NDArray[numpy.int32]"))
        .def("advance", [](const Handle& h, int64_t token) {
                return token < 0 || token > INT32_MAX ? nb::none() : optional(h.grammar->advance(h, static_cast<int32_t>(token)));
            }, "token"_a, nb::sig("def advance(self, token: int) -> State | None"))
        .def("advance_bytes", [](const Handle& h, nb::bytes b) {
                return optional(h.grammar->advance_bytes(h, reinterpret_cast<const uint8_t*>(b.c_str()), b.size()));
            }, "data"_a, nb::sig("def advance_bytes(self, data: bytes) -> State | None"))
        .def("forced", [](const Handle& h) { return to_tuple(h.grammar->forced(h)); }, nb::sig("def forced(self) -> tuple[int, ...]"))
        .def("shortest", [](const Handle& h) { return to_tuple(h.grammar->shortest(h)); }, nb::sig("def shortest(self) -> tuple[int, ...]"))
        .def("allowed_bytes", [](const Handle& h) {
                ByteSet s = h.grammar->allowed(h);
                return nb::bytes(reinterpret_cast<const char*>(s.w.data()), 32);
            }, nb::sig("def allowed_bytes(self) -> bytes"))
        .def("labels", [](const Handle& h) { return to_tuple(h.grammar->labels(h)); }, nb::sig("def labels(self) -> tuple[int, ...]"))
        .def("where", &where, "byte"_a = -1,
             nb::sig("def where(self, byte: int = -1) -> list[tuple[tuple[str | None, ...], tuple[str, ...], tuple[str, ...], "
                     "tuple[tuple[str | None, str], ...]]]"),
             "Of a JSON Schema, for each reading: path, pointers, keys, and what is asked for where `byte` is refused.")
        .def("explain", [](nb::handle self, int64_t token) {
                return explainer(*nb::cast<const Handle&>(self).grammar)(self, token);
            }, "token"_a, nb::sig("def explain(self, token: int) -> object"), "Why `token` is not allowed; None where it is.")
        .def_prop_ro("accepting", [](const Handle& h) { return h.position->accepting; })
        .def_prop_ro("done", [](const Handle&) { return nb::none(); }, nb::sig("def done(self) -> str | None"))
        .def_prop_ro("fingerprint", [](const Handle& h) { return reinterpret_cast<uintptr_t>(h.position); });

    bind_schema(m);
    bind_rows(m);
    bind_choice(m);
    bind_numbers(m);
    m.def("fill_masks", &fill_masks, "states"_a, "out"_a.noconvert(), "threads"_a = 1, "budgets"_a = nb::none(),
          "Fill row i of `out`, int32 [B, ceil(V / 32)], from states[i] with the GIL released.");
    bind_text(m);
    bind_automata(m);
}
