// libFuzzer target: a JSON Schema on one line, then a letter for the options, then a walk. The interpreter is embedded: the
// reader takes Python objects. Every text that the grammar calls complete is read by Python's `json`.
#include <nanobind/nanobind.h>

#include "../bind_schema.h"
#include "walk.h"

namespace nb = nanobind;
using namespace guidedgen;

extern "C" PyObject* PyInit__native();

namespace {

struct Python {
    nb::object loads, arguments;

    static Python& get() {
        static auto* python = new Python;   // outlives the interpreter's end
        return *python;
    }

  private:
    Python() {
        PyImport_AppendInittab("_native", &PyInit__native);
        Py_InitializeEx(0);
        PyObject* native = PyImport_ImportModule("_native");
        PyObject* modules = PyImport_GetModuleDict();
        if (!native || PyDict_SetItemString(modules, "guidedgen.kernel._native", native) < 0) stop();
        loads = nb::steal(PyObject_GetAttrString(nb::steal(PyImport_ImportModule("json")).ptr(), "loads"));
        PyObject* made = PyRun_String(
            "(lambda s, o, l: lambda kind: s.native_arguments(o.Options(property_order='any' if kind & 1 else 'schema',"
            " format='annotation' if kind & 8 else 'assert', closed=bool(kind & 16)), l.Limits(), formats=()))"
            "(__import__('guidedgen.grammars.json_schema.native_schema', fromlist=['x']),"
            " __import__('guidedgen.grammars.json_schema.options', fromlist=['x']), __import__('guidedgen.limits', fromlist=['x']))",
            Py_eval_input, PyModule_GetDict(PyImport_AddModule("__main__")), nullptr);
        if (!made || !loads.is_valid()) stop();
        arguments = nb::steal(made);
    }
    [[noreturn]] static void stop() {
        PyErr_Print();
        std::abort();
    }
};

void must_be_json(const std::string& text) {
    nb::object bytes = nb::steal(PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
    nb::object value = nb::steal(PyObject_CallOneArg(Python::get().loads.ptr(), bytes.ptr()));
    if (value.is_valid()) return;
    PyErr_Clear();
    fuzz::fail("a complete text is no JSON", text);
}

void check(std::string_view line, int kind, const uint8_t* choices, size_t count) {
    static const std::shared_ptr<Vocabulary> names = fuzz::vocabulary();
    Python& python = Python::get();
    nb::object text = nb::steal(PyBytes_FromStringAndSize(line.data(), static_cast<Py_ssize_t>(line.size())));
    nb::object schema = nb::steal(PyObject_CallOneArg(python.loads.ptr(), text.ptr()));
    if (!schema.is_valid()) {
        PyErr_Clear();
        return;
    }
    nb::object given = python.arguments(kind);
    std::shared_ptr<SchemaTable> table = read_schema(schema, nb::cast<nb::dict>(given[0]), nb::object(given[1]), nb::cast<nb::dict>(given[2]));
    JsonOptions options;
    options.any_order = kind & 1;
    options.whitespace = kind >> 1 & 3;
    if (options.whitespace > 2) options.whitespace = 0;
    auto grammar = std::make_shared<Grammar>(names, table, options, fuzz::limits());
    fuzz::Walk(grammar, must_be_json).run(choices, count);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const size_t end = input.find('\n');
    if (end == std::string_view::npos || end > 1500 || end + 1 >= size) return 0;
    fuzz::refused_by_name([&] {
        try {
            check(input.substr(0, end), data[end + 1] & 31, data + end + 2, size - end - 2);
        } catch (nb::python_error&) {   // a typed error of the resolver
        }
    });
    return 0;
}
