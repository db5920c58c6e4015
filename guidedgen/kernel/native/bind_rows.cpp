// The binding of packed matrices and of LlamaRows: numpy arrays in and out, shapes and slot numbers checked, the interpreter's lock
// released while rows are computed.
#include "bind_rows.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "llama_rows.h"

namespace nb = nanobind;
using nb::literals::operator""_a;

namespace guidedgen {
namespace {

template <typename Number, int dims>
using Array = nb::ndarray<Number, nb::ndim<dims>, nb::c_contig, nb::device::cpu>;
using Index = Array<const int64_t, 1>;
using Table = Array<const float, 2>;
using Codes = Array<const uint8_t, 2>;
using Brief = Array<const uint16_t, 2>;
using Numbers = Array<float, 2>;
using Weights = Array<float, 3>;
using AnyStore = nb::ndarray<nb::ndim<3>, nb::c_contig, nb::device::cpu>;

void require(bool holds, const char* message) {
    if (!holds) throw nb::value_error(message);
}

int64_t size_of(size_t size) { return static_cast<int64_t>(size); }

SharedMatrix with_bias(PackedMatrix made, const nb::object& bias) {
    if (!bias.is_none()) {
        const auto given = nb::cast<Array<const float, 1>>(bias);
        require(size_of(given.size()) == made.outputs(), "a bias has one number for each output");
        made.set_bias(given.data());
    }
    return std::make_shared<const PackedMatrix>(std::move(made));
}

SharedMatrix exact_matrix(Table weight, const nb::object& bias) {
    return with_bias(PackedMatrix::exact(weight.data(), size_of(weight.shape(0)), size_of(weight.shape(1))), bias);
}

SharedMatrix brief_matrix(Brief weight, const nb::object& bias) {
    return with_bias(PackedMatrix::exact(weight.data(), size_of(weight.shape(0)), size_of(weight.shape(1))), bias);
}

SharedMatrix coded_matrix(Codes codes, Brief scales, const nb::object& offsets, const nb::object& bias) {
    const int64_t outputs = size_of(codes.shape(0)), inputs = size_of(codes.shape(1)), groups = (inputs + GROUP - 1) / GROUP;
    const auto fits = [&](const Brief& given) { return size_of(given.shape(0)) == outputs && size_of(given.shape(1)) == groups; };
    require(fits(scales), "scales have one number for each output and 32 inputs");
    if (offsets.is_none()) return with_bias(PackedMatrix::coded(false, codes.data(), scales.data(), nullptr, outputs, inputs), bias);
    const auto given = nb::cast<Brief>(offsets);
    require(fits(given), "offsets have one number for each output and 32 inputs");
    return with_bias(PackedMatrix::coded(true, codes.data(), scales.data(), given.data(), outputs, inputs), bias);
}

// Keys and values of all layers, whose memory it keeps alive.
struct SlotArrays {
    std::vector<AnyStore> keys, values;
    std::vector<LayerSlots> layers;
    int64_t capacity = 0, heads = 0, dim = 0;
    Kept kept = Kept::Float32;

    SlotArrays(std::vector<AnyStore> keys_given, std::vector<AnyStore> values_given) : keys(std::move(keys_given)), values(std::move(values_given)) {
        require(!keys.empty() && keys.size() == values.size(), "as many values as keys");
        const AnyStore& first = keys[0];
        kept = first.dtype() == nb::dtype<uint8_t>() ? Kept::Int8 : first.dtype() == nb::dtype<uint16_t>() ? Kept::Bfloat16 : Kept::Float32;
        for (size_t i = 0; i < keys.size(); ++i) {
            for (const AnyStore& array : {keys[i], values[i]})
                require((kept != Kept::Float32 || array.dtype() == nb::dtype<float>()) && array.dtype() == first.dtype() &&
                            array.shape(0) == first.shape(0) && array.shape(1) == first.shape(1) && array.shape(2) == first.shape(2),
                        "keys and values are float32, bfloat16 given as uint16, or codes with a scale given as uint8, all of one shape");
            layers.push_back({keys[i].data(), values[i].data()});
        }
        capacity = size_of(first.shape(0)), heads = size_of(first.shape(1));
        dim = size_of(first.shape(2)) - (kept == Kept::Int8 ? 4 : 0);
    }

    void check(const int64_t* slots, size_t count) const {
        for (size_t i = 0; i < count; ++i) require(slots[i] >= 0 && slots[i] < capacity, "a slot that the store does not have");
    }
};

void make_rows(LlamaRows* self, nb::dict shape, nb::list layers, Array<const float, 1> norm, SharedMatrix head, const std::string& kernels) {
    const RowKernels* table = row_kernels(kernels);
    require(table != nullptr, "row kernels of that name do not run on this processor");
    const auto number = [&](const char* name) { return nb::cast<int64_t>(shape[name]); };
    const auto real = [&](const char* name) { return nb::cast<float>(shape[name]); };
    const auto floats = [](const nb::handle& given) {
        const auto array = nb::cast<Array<const float, 1>>(given);
        return std::vector<float>(array.data(), array.data() + array.size());
    };
    std::vector<LlamaLayer> read;
    for (nb::handle layer : layers)
        read.push_back({floats(layer[0]), floats(layer[3]), nb::cast<SharedMatrix>(layer[1]), nb::cast<SharedMatrix>(layer[2]),
                        nb::cast<SharedMatrix>(layer[4]), nb::cast<SharedMatrix>(layer[5]), floats(layer[6]), floats(layer[7])});
    new (self) LlamaRows({number("width"), number("heads"), number("kv_heads"), number("dim"), real("epsilon"), real("scale")}, std::move(read),
                         std::vector<float>(norm.data(), norm.data() + norm.size()), std::move(head), *table);
}

SegmentView segment_of(const nb::handle& given, int64_t rows, const SlotArrays& store, size_t layers, std::vector<nb::object>& alive) {
    const auto context = nb::cast<Index>(given[2]);
    SegmentView view{nb::cast<int64_t>(given[0]), nb::cast<int64_t>(given[1]), context.data(), size_of(context.size()), nullptr, nullptr};
    require(view.start >= 0 && view.start < view.stop && view.stop <= rows, "a segment outside the rows");
    store.check(context.data(), context.size());
    if (!given[3].is_none()) {
        const auto seen = nb::cast<Codes>(given[3]);
        require(size_of(seen.shape(0)) == view.stop - view.start && seen.shape(1) == seen.shape(0), "ancestors are square, a side for each row");
        for (int64_t row = 0; row < view.stop - view.start; ++row) require(seen.data()[row * (view.stop - view.start + 1)], "a row sees itself");
        view.seen = seen.data();
    }
    if (!given[4].is_none()) {
        const auto watched = nb::cast<Weights>(given[4]);
        require(!view.seen, "only chains are watched");
        require(watched.shape(0) == layers && size_of(watched.shape(1)) == store.heads &&
                    size_of(watched.shape(2)) == view.contexts + view.stop - view.start,
                "what is watched is [layers that run, key heads, context and rows]");
        view.watched = watched.data();
    }
    alive.push_back(nb::borrow(given));
    return view;
}

Hidden hidden_of(const nb::list& given, const std::vector<int64_t>& of, int64_t rows, int64_t layers, std::vector<nb::object>& alive) {
    Hidden found{{}, of};
    for (nb::handle one : given) {
        const auto counts = nb::cast<Index>(one);
        require(size_of(counts.size()) == rows, "one number of hidden slots for each row");
        found.counts.push_back(counts.data());
        alive.push_back(nb::borrow(one));
    }
    require(size_of(of.size()) == layers, "a number for each layer says what is hidden from it");
    for (int64_t number : of) require(number >= -1 && number < size_of(found.counts.size()), "counts that were not given");
    return found;
}

void run(LlamaRows& self, Numbers hidden, Index slots, Table cosines, Table sines, nb::list segments, nb::list counts,
         const std::vector<int64_t>& counts_of, const std::vector<int64_t>& layers, const std::vector<std::pair<bool, bool>>& parts,
         const SlotArrays& store, const nb::dict& taps, int threads) {
    const LlamaShape& shape = self.shape();
    const int64_t count = size_of(hidden.shape(0));
    require(size_of(hidden.shape(1)) == shape.width, "hidden states of another width");
    require(size_of(slots.size()) == count, "one slot for each row");
    for (const Table& angles : {cosines, sines})
        require(size_of(angles.shape(0)) == count && size_of(angles.shape(1)) == shape.dim, "angles are [rows, head dimension]");
    require(size_of(store.layers.size()) == self.layers() && store.heads == shape.kv_heads && store.dim == shape.dim, "a store of another model");
    require(layers.size() == parts.size(), "a pair for each layer that runs says which of its parts do");
    std::vector<LayerTurn> turns;
    for (size_t i = 0; i < layers.size(); ++i) {
        require(layers[i] >= 0 && layers[i] < self.layers(), "a layer that the model does not have");
        turns.push_back({layers[i], parts[i].first, parts[i].second});
    }
    store.check(slots.data(), slots.size());
    StepRows rows{count, hidden.data(), slots.data(), cosines.data(), sines.data(), {}};
    std::vector<nb::object> alive;
    int64_t next = 0;
    for (nb::handle segment : segments) {
        rows.segments.push_back(segment_of(segment, count, store, layers.size(), alive));
        require(rows.segments.back().start == next, "segments follow one another");
        next = rows.segments.back().stop;
    }
    require(next == count, "every row belongs to a segment");
    const Hidden unseen = hidden_of(counts, counts_of, count, self.layers(), alive);
    std::vector<float*> copies(static_cast<size_t>(self.layers()), nullptr);
    for (auto [layer, memory] : taps) {
        const auto into = nb::cast<Numbers>(memory);
        require(into.shape(0) == hidden.shape(0) && into.shape(1) == hidden.shape(1), "a tap is as large as the hidden states");
        copies.at(nb::cast<size_t>(layer)) = into.data();
    }
    nb::gil_scoped_release free;
    self.run(rows, unseen, turns, store.layers, store.kept, std::max(1, threads), [&](int64_t layer) {
        float* copy = copies[static_cast<size_t>(layer)];
        if (copy) std::copy_n(rows.hidden, count * shape.width, copy);
    });
}

void head(LlamaRows& self, Table hidden, Numbers logits, int threads) {
    require(size_of(hidden.shape(1)) == self.width() && size_of(logits.shape(1)) == self.outputs() && hidden.shape(0) == logits.shape(0),
            "hidden states and logits do not fit");
    nb::gil_scoped_release free;
    self.head(hidden.data(), size_of(hidden.shape(0)), logits.data(), std::max(1, threads));
}

// The product alone: for forwards that do the rest otherwise, and for tests.
void multiply(const SharedMatrix& matrix, Table rows, Numbers out, const std::string& kernels, int threads) {
    const RowKernels* table = row_kernels(kernels);
    require(table != nullptr, "row kernels of that name do not run on this processor");
    require(size_of(rows.shape(1)) == matrix->inputs() && size_of(out.shape(1)) == matrix->outputs() && rows.shape(0) == out.shape(0),
            "rows, matrix and result do not fit");
    const MatrixView view = matrix->view();
    const int64_t count = size_of(rows.shape(0));
    PreparedRows room;
    const RowsView given = room.room(view.format, count, view.width);
    for (int64_t row = 0; row < count; ++row) table->prepare(view.format, rows.data() + row * matrix->inputs(), matrix->inputs(), view.width, given, row);
    const int64_t size = 8, pieces = (view.panels() + size - 1) / size;
    nb::gil_scoped_release free;
    Workers::Turn turn(Workers::shared(), std::max(1, threads));
    turn.share(pieces, [&](int64_t piece, int) {
        const Panels panels{piece * size, std::min(view.panels(), (piece + 1) * size), nullptr};
        table->multiply(view, given, count, panels, out.data(), matrix->outputs(), false);
    });
}

}  // namespace

void bind_rows(nb::module_& m) {
    m.def("row_kernels", &row_kernel_names, "Names of the row kernels that run on this processor, best first.");
    nb::class_<PackedMatrix>(m, "PackedMatrix", "A weight matrix in the order in which products read it.")
        .def_static("exact", &exact_matrix, "weight"_a, "bias"_a = nb::none(), "From float32 [out, in].")
        .def_static("brief", &brief_matrix, "weight"_a, "bias"_a = nb::none(), "From bfloat16 [out, in], given as uint16.")
        .def_static("coded", &coded_matrix, "codes"_a, "scales"_a, "offsets"_a = nb::none(), "bias"_a = nb::none(),
                    "From codes [out, in] and float16 scales [out, in / 32], given as uint16: bytes around 128, or with offsets 0 to 15.")
        .def("multiply", &multiply, "rows"_a, "out"_a, "kernels"_a = "", "threads"_a = 1, "Writes rows [R, in] times the matrix to out [R, out].");
    nb::class_<SlotArrays>(m, "SlotArrays", "Keys and values of all layers, each [slots, heads, dim], or of eight bits [slots, heads, dim + 4].")
        .def(nb::init<std::vector<AnyStore>, std::vector<AnyStore>>(), "keys"_a, "values"_a);
    nb::class_<LlamaRows>(m, "LlamaRows", "The layers and the head of a Llama-shaped model over flat rows.")
        .def("__init__", &make_rows, "shape"_a, "layers"_a, "norm"_a, "head"_a, "kernels"_a = "")
        .def("run", &run, "hidden"_a, "slots"_a, "cosines"_a, "sines"_a, "segments"_a, "hidden_slots"_a, "hidden_in"_a, "layers"_a,
             "parts"_a, "store"_a, "taps"_a, "threads"_a,
             "Runs layers over hidden states [R, width] in place; hidden_slots: how many of its oldest slots each row does not see, "
             "[R] each, and hidden_in: which of them is a layer's, or -1; parts: of each "
             "layer that runs whether attention and whether the rest do; taps: by layer, memory for what stands after it.")
        .def("head", &head, "hidden"_a, "logits"_a, "threads"_a, "Final norm and head.");
}

}  // namespace guidedgen
