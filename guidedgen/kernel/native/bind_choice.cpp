// The binding of choices: rows of logits and packed masks in, tokens and their records out, the interpreter's lock released meanwhile.
#include <algorithm>
#include <vector>

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include "bind_rows.h"
#include "row_kernels.h"
#include "workers.h"

namespace nb = nanobind;
using nb::literals::operator""_a;

namespace guidedgen {
namespace {

template <typename Number, int dims>
using Array = nb::ndarray<Number, nb::ndim<dims>, nb::c_contig, nb::device::cpu>;
using Table = Array<const float, 2>;
using Masks = Array<const int32_t, 2>;
using Uniforms = Array<const double, 1>;
using Records = Array<double, 2>;

constexpr size_t FIELDS = 5;  // token, chance, log-probability, log mass, margin

const RowKernels& kernels_of(const std::string& name) {
    const RowKernels* table = row_kernels(name);
    if (table == nullptr) throw nb::value_error("row kernels of that name do not run on this processor");
    return *table;
}

MaskedRow row_of(const Table& logits, const Masks& words, size_t row) {
    const size_t width = logits.shape(1), count = words.shape(1);
    return {logits.data() + row * width, static_cast<int64_t>(width), reinterpret_cast<const uint32_t*>(words.data()) + row * count,
            static_cast<int64_t>(count)};
}

void record(const Drawn& drawn, const MaskedRow& row, const RowSums& sums, double* to) {
    const double logprob = drawn.token < 0 ? 0 : static_cast<double>(row.logits[drawn.token]) - sums.log_all;
    const double mass = sums.log_allowed - sums.log_all;  // rounding may leave a little above 0; not a number has to stay
    const double found[FIELDS] = {static_cast<double>(drawn.token), drawn.chance, logprob, mass > 0 ? 0 : mass,
                                  static_cast<double>(sums.best) - static_cast<double>(sums.best_allowed)};
    std::copy(found, found + FIELDS, to);
}

// Rows are shared among threads where there are several; each is computed alone.
template <typename Choose>
void each_row(const Table& logits, const Masks& words, Records& records, int threads, const Choose& choose) {
    const size_t count = logits.shape(0);
    if (words.shape(0) != count || records.shape(0) != count || records.shape(1) != FIELDS || logits.shape(1) == 0)
        throw nb::value_error("logits, masks and records have one row for each text");
    nb::gil_scoped_release free;
    Workers::Turn turn(Workers::shared(), std::max(1, threads));
    turn.share(static_cast<int64_t>(count), [&](int64_t number, int) {
        const size_t row = static_cast<size_t>(number);
        choose(row_of(logits, words, row), row, records.data() + row * FIELDS);
    });
}

void take_best(Table logits, Masks words, Records records, const std::string& kernels, int threads) {
    const RowKernels& table = kernels_of(kernels);
    each_row(logits, words, records, threads, [&](const MaskedRow& row, size_t, double* to) {
        const RowSums sums = table.judge(row);
        record({sums.token, sums.token < 0 ? 0.0 : 1.0}, row, sums, to);
    });
}

// Room of one thread for rows of a width.
class OwnRoom {
  public:
    ChoiceRoom of(int64_t width) {
        const size_t blocks = static_cast<size_t>(choice_blocks(width)), size = blocks * CHOICE_BLOCK;
        numbers_.resize(std::max(numbers_.size(), 2 * size + blocks));
        sums_.resize(std::max(sums_.size(), blocks));
        return {numbers_.data(), numbers_.data() + size, numbers_.data() + 2 * size, sums_.data()};
    }

  private:
    std::vector<float> numbers_;
    std::vector<double> sums_;
};

void draw_rows(Table logits, Masks words, Uniforms uniforms, float temperature, int64_t top_k, double top_p, double min_p, Records records,
               const std::string& kernels, int threads) {
    const RowKernels& table = kernels_of(kernels);
    if (uniforms.shape(0) != logits.shape(0)) throw nb::value_error("one uniform number for each row");
    const ChoiceCuts cuts{temperature, top_k, top_p, min_p};
    each_row(logits, words, records, threads, [&](const MaskedRow& row, size_t number, double* to) {
        thread_local OwnRoom room;
        const RowSums sums = table.judge(row);
        record(sums.token < 0 ? Drawn{-1, 0} : table.draw(row, sums, cuts, uniforms.data()[number], room.of(row.width)), row, sums, to);
    });
}

// The logarithm of the sum of exponentials of each row, and its largest logit.
void log_sums(Table logits, Array<double, 2> sums, const std::string& kernels) {
    const RowKernels& table = kernels_of(kernels);
    const size_t count = logits.shape(0), width = logits.shape(1);
    if (sums.shape(0) != count || sums.shape(1) != 2 || width == 0) throw nb::value_error("two sums for each row");
    nb::gil_scoped_release free;
    for (size_t row = 0; row < count; ++row) {
        const RowSums found = table.judge({logits.data() + row * width, static_cast<int64_t>(width), nullptr, 0});
        sums.data()[2 * row] = found.log_all;
        sums.data()[2 * row + 1] = static_cast<double>(found.best);
    }
}

}  // namespace

void bind_choice(nb::module_& m) {
    m.def("take_best", &take_best, "logits"_a, "words"_a, "records"_a, "kernels"_a = "", "threads"_a = 1,
          "The best allowed token of each row of logits [B, V] under packed masks [B, W]: token, chance (1), log-probability, log mass and "
          "margin to records [B, 5]. A token of -1, or what is not finite, says that there is no choice.");
    m.def("draw_rows", &draw_rows, "logits"_a, "words"_a, "uniforms"_a, "temperature"_a, "top_k"_a, "top_p"_a, "min_p"_a, "records"_a,
          "kernels"_a = "", "threads"_a = 1, "A token of each row drawn with one number of [0, 1) each; top_k 0, top_p 1 and min_p 0 are off.");
    m.def("log_sums", &log_sums, "logits"_a, "sums"_a, "kernels"_a = "",
          "The logarithm of the sum of exponentials of each row [B, V], and its largest logit, to sums [B, 2].");
}

}  // namespace guidedgen
