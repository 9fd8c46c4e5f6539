// lossgen-request: which kernels a module needs, and the build request that makes exactly those.
#include <set>

#include "lossgen-mlir/Compat.h"
#include "lossgen-mlir/Lossgen.h"
#include "lossgen-mlir/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

struct Need {
  std::string op, dtype, layout;
  std::vector<int64_t> extents; // -1: not known
  int64_t classes;              // -1: not known

  bool operator<(const Need &other) const {
    return std::tie(op, dtype, layout, extents, classes) <
           std::tie(other.op, other.dtype, other.layout, other.extents, other.classes);
  }
};

// rows: stride 1 along the classes; planes: along what is beside them; strided: neither, or not known.
std::string layoutOf(ShapedType type, int64_t dim) {
  SmallVector<int64_t> strides;
  if (auto memref = dyn_cast<MemRefType>(type)) {
    int64_t offset;
    if (failed(stridesAndOffset(memref, strides, offset)))
      return "strided";
  } else {
    // A tensor will be compact; an extent that is not known is taken to be more than 1.
    strides.assign(type.getRank(), 1);
    bool one = true;
    for (int64_t i = type.getRank(); i-- > 0;) {
      strides[i] = one ? 1 : 2;
      one &= type.getDimSize(i) == 1;
    }
  }
  if (strides[dim] == 1)
    return "rows";
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (i != dim && strides[i] == 1 && type.getDimSize(i) != 1)
      return "planes";
  return "strided";
}

struct Request : PassWrapper<Request, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Request)
  Request() = default;
  Request(const Request &other) : PassWrapper(other) {}

  StringRef getArgument() const final { return "lossgen-request"; }
  StringRef getDescription() const final { return "list the kernels a module needs, or write the request for them"; }

  Option<std::string> file{*this, "file", llvm::cl::desc("where to write; - is the standard output"),
                           llvm::cl::init("-")};
  Option<std::string> format{*this, "format", llvm::cl::desc("list, json, cmake (lossgen_add_library) or emit (lossgen)"),
                             llvm::cl::init("list")};
  Option<std::string> library{*this, "library", llvm::cl::desc("the library's name in the request"),
                              llvm::cl::init("model_losses")};

  void runOnOperation() override {
    if (format != "list" && format != "json" && format != "cmake" && format != "emit") {
      getOperation().emitError("lossgen-request: format must be list, json, cmake or emit, got '") << format << "'";
      return signalPassFailure();
    }
    if (!isIdentifier(library)) {
      getOperation().emitError("lossgen-request: library must be a C identifier, got '") << library << "'";
      return signalPassFailure();
    }
    std::set<Need> needs;
    getOperation().walk([&](Operation *op) {
      llvm::TypeSwitch<Operation *>(op)
          .Case<LogSoftmaxForwardOp, LogSoftmaxBackwardOp, NllLossForwardOp, NllLossBackwardOp, CrossEntropyForwardOp,
                CrossEntropyBackwardOp, CrossEntropyForwardBackwardOp>(
              [&](auto typed) { needs.insert(needOf(typed)); });
    });
    std::string text;
    llvm::raw_string_ostream out(text);
    if (format == "list")
      list(out, needs);
    else if (format == "json")
      json(out, needs);
    else
      request(out, needs);
    if (file == "-") {
      llvm::outs() << text;
      llvm::outs().flush();
      return;
    }
    std::error_code error;
    llvm::raw_fd_ostream stream(file, error);
    if (!error) {
      stream << text;
      stream.close();
      error = stream.error();
      stream.clear_error();
    }
    if (error) {
      getOperation().emitError("lossgen-request: cannot write '") << file << "': " << error.message();
      signalPassFailure();
    }
  }

private:
  static bool isIdentifier(StringRef name) {
    return !name.empty() && !llvm::isDigit(name[0]) &&
           llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  }

  template <class OpTy>
  static Need needOf(OpTy op) {
    ShapedType type = op.getClassType();
    Need need;
    need.op = op->getName().stripDialect().str();
    llvm::raw_string_ostream(need.dtype) << type.getElementType();
    need.layout = layoutOf(type, op.getClassDim());
    for (int64_t extent : type.getShape())
      need.extents.push_back(ShapedType::isDynamic(extent) ? -1 : extent);
    need.classes = need.extents[op.getClassDim()];
    return need;
  }

  static void list(llvm::raw_ostream &out, const std::set<Need> &needs) {
    for (const Need &need : needs) {
      out << need.op << ' ' << need.dtype << ' ' << need.layout << " [";
      llvm::interleaveComma(need.extents, out, [&](int64_t extent) {
        if (extent < 0)
          out << '?';
        else
          out << extent;
      });
      out << "] classes ";
      if (need.classes < 0)
        out << "?\n";
      else
        out << need.classes << '\n';
    }
  }

  static void json(llvm::raw_ostream &out, const std::set<Need> &needs) {
    llvm::json::Array all;
    for (const Need &need : needs)
      all.push_back(llvm::json::Object{{"op", need.op},
                                       {"dtype", need.dtype},
                                       {"layout", need.layout},
                                       {"extents", llvm::json::Array(need.extents)},
                                       {"classes", need.classes}});
    out << llvm::formatv("{0:2}", llvm::json::Value(std::move(all))) << '\n';
  }

  // One request means all combinations of its words. What a module needs is cut into as few as make nothing else.
  struct Product {
    std::set<std::string> ops, dtypes, layouts;
    std::set<int64_t> classes; // empty: the kernels for any number, which come with the others too

    // Takes the other in where the two differ in one word only.
    bool merge(const Product &other) {
      int different = (ops != other.ops) + (dtypes != other.dtypes) + (layouts != other.layouts) +
                      (classes != other.classes);
      if (different > 1)
        return false;
      ops.insert(other.ops.begin(), other.ops.end());
      dtypes.insert(other.dtypes.begin(), other.dtypes.end());
      layouts.insert(other.layouts.begin(), other.layouts.end());
      classes.insert(other.classes.begin(), other.classes.end());
      return true;
    }
  };

  static std::vector<Product> products(const std::set<Need> &needs) {
    std::vector<Product> found;
    for (const Need &need : needs) {
      // A family: log_softmax for its forward and backward.
      StringRef family = need.op;
      while (family.consume_back("_forward") || family.consume_back("_backward"))
        ;
      Product product{{family.str()}, {need.dtype}, {need.layout}, {}};
      if (need.classes > 0)
        product.classes.insert(need.classes);
      found.push_back(product);
    }
    for (bool merged = true; merged;) {
      merged = false;
      for (size_t i = 0; i < found.size(); ++i)
        for (size_t k = found.size() - 1; k > i; --k)
          if (found[i].merge(found[k])) {
            found.erase(found.begin() + k);
            merged = true;
          }
    }
    return found;
  }

  void request(llvm::raw_ostream &out, const std::set<Need> &needs) {
    std::vector<Product> requests = products(needs);
    if (requests.empty()) {
      getOperation().emitRemark("lossgen-request: the module has no lossgen ops; run raise-linalg-to-lossgen before");
      return;
    }
    bool cmake = format == "cmake";
    auto words = [&](StringRef keyword, const auto &values) {
      if (values.empty())
        return;
      out << (cmake ? "\n  " : " ") << (cmake ? keyword.upper() : "--" + keyword.str());
      for (const auto &value : values)
        out << ' ' << value;
    };
    std::vector<std::string> names;
    for (const Product &product : requests) {
      names.push_back(requests.size() == 1 ? library.getValue() : library + "_" + std::to_string(names.size() + 1));
      out << (cmake ? "lossgen_add_library(" : "--library ") << names.back();
      words("ops", product.ops);
      words("dtypes", product.dtypes);
      words("layouts", product.layouts);
      words("classes", product.classes);
      out << (cmake ? ")\n" : "\n");
    }
    if (cmake && names.size() > 1)
      out << "add_library(" << library << " INTERFACE)\ntarget_link_libraries(" << library << " INTERFACE "
          << llvm::join(names, " ") << ")\n";
  }
};

} // namespace

std::unique_ptr<Pass> mlir::lossgen::createRequestPass() { return std::make_unique<Request>(); }
