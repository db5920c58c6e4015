// Python objects that stand for JSON, through the C API: texts, numerals and values become entries of a SchemaTable.
//
// Values are dict, list or tuple, str, int, float, Decimal, bool and None, and their subclasses, whose methods are never
// called: reading runs no foreign code, except where the reader asks the resolver for a document.
#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <array>

#include "json_values.h"

namespace guidedgen {

namespace nb = nanobind;

inline bool is_list(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }
inline Py_ssize_t list_size(PyObject* o) { return PyList_Check(o) ? PyList_GET_SIZE(o) : PyTuple_GET_SIZE(o); }
inline PyObject* list_item(PyObject* o, Py_ssize_t i) { return PyList_Check(o) ? PyList_GET_ITEM(o, i) : PyTuple_GET_ITEM(o, i); }
inline bool is_schema(PyObject* o) { return PyDict_Check(o) || PyBool_Check(o); }

// The UTF-8 of a str. `valid` is false where it holds a lone surrogate, which no JSON text in UTF-8 spells; the text is then
// what "surrogatepass" writes, so that errors and reports can still show it.
class PythonText {
  public:
    explicit PythonText(PyObject* text) {
        Py_ssize_t size = 0;
        const char* data = PyUnicode_AsUTF8AndSize(text, &size);
        if (data) {
            view = std::string_view(data, static_cast<size_t>(size));
            return;
        }
        PyErr_Clear();
        valid = false;
        bytes_ = nb::steal(PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass"));
        if (!bytes_.is_valid()) throw nb::python_error();
        view = std::string_view(PyBytes_AS_STRING(bytes_.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(bytes_.ptr())));
    }
    std::string_view view;
    bool valid = true;

  private:
    nb::object bytes_;
};

// A str of any text that a PythonText gave.
inline nb::object python_text(std::string_view text) {
    nb::object made = nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogatepass"));
    if (made.is_valid()) return made;
    PyErr_Clear();
    made = nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
    if (!made.is_valid()) throw nb::python_error();
    return made;
}

// What messages show of an object: its repr, cut after 80 characters.
inline std::string shown(PyObject* o) {
    nb::object text = nb::steal(PyObject_Repr(o));
    if (text.is_valid() && PyUnicode_GetLength(text.ptr()) > 80) {
        text = nb::steal(PyUnicode_Substring(text.ptr(), 0, 77));
        return std::string(PythonText(text.ptr()).view) + "...";
    }
    if (text.is_valid()) return std::string(PythonText(text.ptr()).view);
    PyErr_Clear();   // nested too deeply to be shown, say
    return std::string("an object of type ") + Py_TYPE(o)->tp_name;
}

constexpr const char* kOnlyJson = "Use dict, list, str, int, float, bool and None only.";
constexpr int64_t kLargestMagnitude = 1000;   // expressions about numbers have as many digits
constexpr int64_t kDeepestValue = 1000;       // values are converted recursively

// The size of what was read so far, and where it ends.
class ReadingBudget {
  public:
    ReadingBudget(int64_t bytes, int64_t depth) : depth(depth), bytes_(bytes) {}
    void spend(size_t bytes) {
        spent_ += static_cast<int64_t>(bytes);
        if (spent_ > bytes_) throw LimitError("schema_bytes", static_cast<double>(bytes_), "the schema is larger");
    }
    void deeper(int64_t level) const {
        if (level > depth) throw LimitError("depth", static_cast<double>(depth), "the schema is nested too deeply");
    }
    const int64_t depth;

  private:
    int64_t bytes_, spent_ = 0;
};

// What kind of thing is wrong with a number or value; the reader knows where it is.
struct NotJson {
    std::string message;
};

namespace python_json {

inline PyObject* decimal_type() {
    static PyObject* type = nb::object(nb::module_::import_("decimal").attr("Decimal")).release().ptr();
    return type;
}

inline std::string utf8(nb::object text) {
    if (!text.is_valid()) throw nb::python_error();
    return std::string(PythonText(text.ptr()).view);
}

// The digits of an int. Python refuses to write long ones, and they are beyond the limit anyway.
inline std::string integer_text(PyObject* number) {
    int overflow = 0;
    long long small = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (!overflow) return std::to_string(small);
    nb::object bits = nb::steal(PyObject_CallMethod(reinterpret_cast<PyObject*>(&PyLong_Type), "bit_length", "O", number));
    if (!bits.is_valid()) throw nb::python_error();
    if (PyLong_AsLongLong(bits.ptr()) > kLargestMagnitude * 10 / 3) return "";
    return utf8(nb::steal(PyNumber_ToBase(number, 10)));
}

inline std::string float_text(double number) {
    char* text = PyOS_double_to_string(number, 'r', 0, 0, nullptr);
    if (!text) throw nb::python_error();
    std::string result = text;
    PyMem_Free(text);
    return result;
}

}  // namespace python_json

inline bool is_number(PyObject* o) {
    if (PyLong_Check(o)) return !PyBool_Check(o);
    return PyFloat_Check(o) || (!PyUnicode_Check(o) && !PyDict_Check(o) && !PyList_Check(o) && o != Py_None &&
                                PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(python_json::decimal_type())));
}

// The normalised numeral of a number.
inline std::string numeral(PyObject* o) {
    std::string text;
    if (PyLong_Check(o)) {
        text = python_json::integer_text(o);
        if (text.empty()) throw NotJson{"a number is beyond 10^" + std::to_string(kLargestMagnitude)};
    } else if (PyFloat_Check(o)) {
        text = python_json::float_text(PyFloat_AS_DOUBLE(o));
    } else {
        text = python_json::utf8(nb::steal(PyObject_CallMethod(python_json::decimal_type(), "__str__", "O", o)));
    }
    std::string result = normalised(text);
    if (result.empty() && text.find_first_of("0123456789") == std::string::npos) throw NotJson{text + " is not JSON"};
    if (result.empty() || std::abs(NormalisedParts(result).magnitude()) > kLargestMagnitude)
        throw NotJson{"the number " + text.substr(0, 40) + " is beyond 10^" + std::to_string(kLargestMagnitude)};
    return result;
}

// Interns values; -1 for one that holds a lone surrogate.
class ValueReader {
  public:
    ValueReader(SchemaTable& table, ReadingBudget& budget) : table_(table), budget_(budget) { constants_.fill(-1); }

    int32_t read(PyObject* o) { return read(o, 0); }

  private:
    int32_t read(PyObject* o, int64_t level) {
        budget_.spend(16);
        if (PyUnicode_Check(o)) return string(o);
        if (o == Py_None) return constant(Value::Kind::Null);
        if (PyBool_Check(o)) return constant(o == Py_True ? Value::Kind::True : Value::Kind::False);
        if (level >= kDeepestValue) throw fixed_limit("depth", static_cast<double>(kDeepestValue), "a value is nested too deeply");
        if (is_list(o)) return array(o, level + 1);
        if (PyDict_Check(o)) return object(o, level + 1);
        if (!is_number(o)) throw NotJson{"the schema is not JSON: an object of type " + std::string(Py_TYPE(o)->tp_name)};
        Value value{Value::Kind::Number};
        value.text = table_.intern(numeral(o));
        return table_.intern(std::move(value));
    }

    int32_t constant(Value::Kind kind) {
        int32_t& known = constants_[static_cast<size_t>(kind)];
        if (known < 0) known = table_.intern(Value{kind});
        return known;
    }

    int32_t string(PyObject* o) {
        PythonText text(o);
        budget_.spend(text.view.size());
        if (!text.valid) return -1;
        Value value{Value::Kind::String};
        value.text = table_.intern(text.view);
        return table_.intern(std::move(value));
    }

    int32_t array(PyObject* o, int64_t level) {
        budget_.deeper(level);
        Value value{Value::Kind::Array};
        bool whole = true;
        for (Py_ssize_t i = 0; i < list_size(o); ++i) {
            value.items.push_back(read(list_item(o, i), level));
            whole = whole && value.items.back() >= 0;
        }
        return whole ? table_.intern(std::move(value)) : -1;
    }

    int32_t object(PyObject* o, int64_t level) {
        budget_.deeper(level);
        Value value{Value::Kind::Object};
        bool whole = true;
        PyObject *key, *item;
        for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &item);) {
            if (!PyUnicode_Check(key)) throw NotJson{"the schema is not JSON: the key " + shown(key) + " is no string"};
            PythonText name(key);
            budget_.spend(name.view.size());
            int32_t id = read(item, level);
            whole = whole && name.valid && id >= 0;
            if (whole) value.members.emplace_back(table_.intern(name.view), id);
        }
        if (!whole) return -1;
        std::sort(value.members.begin(), value.members.end());
        return table_.intern(std::move(value));
    }

    SchemaTable& table_;
    ReadingBudget& budget_;
    std::array<int32_t, 8> constants_;
};

}  // namespace guidedgen
