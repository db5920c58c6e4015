// Masks that Python hands over to be written into: one-dimensional int32 arrays of numpy, looked at where they lie.
//
// The general way, DLPack, takes longer than copying a mask that is known. Fields and flags are those of `PyArrayObject_fields` in
// numpy's ndarraytypes.h, the same from 1.7 to 2: what modules are compiled against. That they are where they should be is tried
// out when the module is loaded; where they are not, and for all other arrays, the general way is taken.
#pragma once

#include <nanobind/nanobind.h>

namespace guidedgen {

class NumpyArrays {
  public:
    // Called when the module is loaded: it imports numpy.
    void find() {
        namespace nb = nanobind;
        try {
            nb::module_ numpy = nb::module_::import_("numpy");
            nb::object type = numpy.attr("ndarray"), int32 = numpy.attr("dtype")("int32");
            type_ = reinterpret_cast<PyTypeObject*>(type.release().ptr());   // kept for good, as modules are
            int32_ = int32.release().ptr();
            if (!as_expected(numpy)) type_ = nullptr;
        } catch (nb::python_error&) {   // no numpy
            type_ = nullptr;
        }
    }

    // Where the elements of a writable int32 array [count] are; nullptr: it is something else.
    int32_t* elements(PyObject* o, size_t count) const {
        if (Py_TYPE(o) != type_) return nullptr;
        const auto* array = reinterpret_cast<const Fields*>(o);
        const bool fits = array->dimensions_count == 1 && array->descr == int32_ && (array->flags & kWanted) == kWanted &&
                          array->dimensions[0] == static_cast<Py_ssize_t>(count);
        return fits ? reinterpret_cast<int32_t*>(array->data) : nullptr;
    }

  private:
    struct Fields {
        PyObject_HEAD
        char* data;
        int dimensions_count;
        Py_ssize_t *dimensions, *strides;
        PyObject *base, *descr;
        int flags;
    };
    static constexpr int kContiguous = 0x1, kAligned = 0x100, kWriteable = 0x400, kWanted = kContiguous | kAligned | kWriteable;

    bool as_expected(nanobind::module_& numpy) const {
        namespace nb = nanobind;
        auto made = [&](nb::object shape, const char* type) { return numpy.attr("zeros")(shape, type); };
        nb::object plain = made(nb::int_(6), "int32"), fixed = made(nb::int_(6), "int32");
        fixed.attr("setflags")(nb::arg("write") = false);
        const auto address = nb::cast<uintptr_t>(plain.attr("__array_interface__")["data"][0]);
        if (reinterpret_cast<uintptr_t>(elements(plain.ptr(), 6)) != address || elements(plain.ptr(), 5)) return false;
        nb::object apart = plain[nb::slice(nb::none(), nb::none(), nb::int_(2))];
        nb::object part = plain[nb::slice(nb::int_(1), nb::int_(4), nb::none())];
        if (elements(apart.ptr(), 3) || reinterpret_cast<uintptr_t>(elements(part.ptr(), 3)) != address + sizeof(int32_t)) return false;
        for (const char* type : {"uint32", "float32", "int64", ">i4"})
            if (elements(made(nb::int_(6), type).ptr(), 6)) return false;
        return !elements(fixed.ptr(), 6) && !elements(made(nb::make_tuple(6, 1), "int32").ptr(), 6) && !elements(made(nb::make_tuple(), "int32").ptr(), 1);
    }

    PyTypeObject* type_ = nullptr;
    PyObject* int32_ = nullptr;
};

}  // namespace guidedgen
