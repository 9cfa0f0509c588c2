"""What clients of that service take for an answer: every member that they need, of the type that they need.

Nothing is converted: a whole number where a text is wanted is wrong, and so is null where a value is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(pattern="^[0-9a-f]{24}$")]
Price = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$")]
Iso = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", protected_namespaces=())


class Project(Shape):
    id: Id
    name: str


class Organization(Shape):
    id: Id
    name: str
    projects: Annotated[list[Project], Field(min_length=1)]


class Named(Shape):
    name: str
    description: str


class DatasetPart(Shape):
    total_size: int
    training_size: int
    test_size: int
    characteristics: list[str] | None


class ModelPart(Shape):
    model_name: str
    performance: Any


class Performance(Shape):
    strengths: list[str] | None
    challenges: list[str] | None


class ErrorAnalysis(Shape):
    common_failure_modes: list[str] | None
    example: str


class Takeaways(Shape):
    key_takeaways: list[str] | None


class Summary(Shape):
    name: str
    goal: str
    metrics: list[Named] | None
    task_types: list[Named] | None
    dataset: DatasetPart
    model: ModelPart
    performance_details: Performance
    error_analysis: ErrorAnalysis
    analysis_summary: Takeaways


class Evaluation(Shape):
    id: Id
    status: Literal["pending", "in-progress", "paused", "success", "failure", "timeout"]
    submitted_at: Annotated[int, Field(gt=1_700_000_000, lt=10_000_000_000)]
    finished_at: int
    model_id: Id
    dataset_id: Id
    average_duration: int
    accuracy: Fraction
    status_description: str = ""
    model_name: str = ""
    model_key: str = ""
    model_company: str = ""
    dataset_name: str = ""
    readability_score: Fraction = 0.0
    toxicity_score: Fraction = 0.0
    ethics_score: Fraction = 0.0
    failed_prompt_count: int = 0
    queue_id: int = 0
    summary: Summary | None = None

    @property
    def finished(self) -> bool:
        return self.status in ("success", "failure", "timeout")


class Evaluations(Shape):
    evaluations: list[Evaluation]
    total_count: int


class Result(Shape):
    subset: str
    prompt: str
    result: str
    truth: str
    duration: Annotated[float, Field(ge=0, lt=3600)]
    score: float
    metrics: dict[str, float | None]


class ResultMetrics(Shape):
    total_count: int


class Results(Shape):
    evaluation_id: Id
    results: list[Result]
    metrics: ResultMetrics


class ComparisonResult(Shape):
    prompt: str
    truth: str
    result_id_1: int | None
    result_id_2: int | None
    result1: str | None
    result2: str | None
    score1: float | None
    score2: float | None


class Comparison(Shape):
    results: list[ComparisonResult] | None
    total_count: int
    correct_count_1: int
    total_results_1: int
    correct_count_2: int
    total_results_2: int


class Model(Shape):
    id: Id
    key: str
    name: str
    description: str


class CustomModel(Model):
    organization_id: Id
    max_tokens: int = 0
    api_url: str = ""
    disabled: bool = False


class PublicModel(Model):
    company: str = ""
    released_at: int = 0
    parameters: float = 0.0
    modality: str = ""
    context_length: int = 0
    architecture_type: str = ""
    license: str = ""
    open_weights: bool = False
    region: str = ""
    deprecated: bool = False


class ModelDetail(Shape):
    id: Id
    key: str
    name: str
    description: str = ""
    cost_per_input_token: Price = "0"
    cost_per_output_token: Price = "0"
    created_at: int | str = 0
    released_at: int | str = 0
    key_takeaways: list[str] = []
    context_length: int = 0


class ModelDetails(Shape):
    models: list[ModelDetail]
    categories: list[str]
    companies: list[str]
    regions: list[str]
    licenses: list[str]
    sizes: list[str]
    count: int
    total_count: int


class Benchmark(Shape):
    id: Id
    key: str
    name: str


class CustomBenchmark(Benchmark):
    organization_id: Id
    description: str = ""
    system_prompt: str = ""
    prompt_count: int = 0
    version_count: int = 0
    metrics: list[str] = []
    files: list[str] = []
    disabled: bool = False


class PublicBenchmark(Benchmark):
    full_description: str
    language: str = ""
    categories: list[str] = []
    prompt_count: int = 0
    deprecated: bool = False


class BenchmarkDetail(Benchmark):
    description: str
    created_at: str = ""
    prompt_count: int = 0
    language: str = ""
    categories: list[str] = []
    characteristics: list[str] = []
    deprecated: bool = False
    is_public: bool = False


class BenchmarkDetails(Shape):
    datasets: list[BenchmarkDetail]
    categories: list[str]
    languages: list[str]
    count: int
    total_count: int


class Prompt(Shape):
    id: str
    input: str | dict[str, Any] | list[Any]
    truth: str


class Prompts(Shape):
    prompts: list[Prompt]
    count: int


class ModelHandle(Shape):
    organization_id: Id
    project_id: Id
    model_id: Id


class BenchmarkHandle(Shape):
    organization_id: Id
    project_id: Id
    benchmark_id: Id


class Scorer(Shape):
    id: Id
    organization_id: Id
    project_id: Id
    name: str
    description: str | None
    model_id: Id | None
    model_name: str | None
    model_key: str | None
    model_company: str | None
    prompt: str | None
    created_at: Iso
    updated_at: Iso


class Scorers(Shape):
    scorers: list[Scorer]
    count: int
    total_count: int


class ModelFilters(Shape):
    ids: list[str]
    vendors: list[str]
    regions: list[str]


class DatasetFilters(Shape):
    ids: list[str]
    categories: list[str]
    languages: list[str]


class Filters(Shape):
    model_filters: ModelFilters
    dataset_filters: DatasetFilters
    providers: list[str]


class Space(Shape):
    id: Id
    name: str
    description: str | None
    owner: str | None
    visibility: Literal["private", "public", "tenant"] | None
    partner_name: str | None
    created_at: Iso | None
    image_path: str | None
    slug: str | None
    is_featured: bool
    is_partner: bool
    weight: int
    models_count: int
    benchmarks_count: int
    evaluations_count: int
    filters: Filters


class Spaces(Shape):
    evaluation_spaces: list[Space]
    count: int
    total_count: int


class Integration(Shape):
    id: Id
    organization_id: Id
    name: str
    type: str | None
    host_url: str | None
    active: bool
    config: dict[str, Any]
    created_at: Iso | None
    created_by: str | None
    project_id: Id | None
    status: str | None


class Tested(Shape):
    success: bool
    message: str | None = None


class Handle(Shape):
    organization_id: Id
    project_id: Id
    id: Id


class JudgeVersion(Shape):
    version: int
    name: str
    evaluation_goal: str
    model_id: Id | None
    model_name: str | None
    model_company: str | None
    updated_at: Iso
    updated_by: str


class Judge(Shape):
    id: Id
    organization_id: Id
    project_id: Id
    name: str
    evaluation_goal: str
    model_id: Id | None
    model_name: str | None
    model_company: str | None
    version: int
    run_count: int
    created_at: Iso
    updated_at: Iso
    versions: list[JudgeVersion]


class Judges(Shape):
    judges: list[Judge]
    count: int
    total_count: int


class Trace(Shape):
    id: Id
    organization_id: Id
    project_id: Id
    created_at: Iso
    filename: str
    data: dict[str, Any]
    input: str | None
    integration_id: str | None


class LastEvaluation(Shape):
    judge_id: Id
    judge_name: str
    judge_version: int
    created_at: Iso
    passed: bool | None


class ListedTrace(Trace):
    evaluations_count: int
    last_evaluations: list[LastEvaluation]


class Traces(Shape):
    traces: list[ListedTrace]
    count: int
    total_count: int


class JudgeSnapshot(Shape):
    name: str
    version: int
    evaluationGoal: str
    modelId: Id | None
    modelName: str | None
    modelCompany: str | None


Work = Literal["pending", "in_progress", "success", "failure"]


class TraceEvaluation(Shape):
    id: Id
    trace_id: Id
    judge_id: Id
    status: Work
    judge_snapshot: JudgeSnapshot | None
    created_at: Iso
    started_at: Iso | None
    finished_at: Iso | None
    status_description: str = ""
    """More than the released client reads."""

    @property
    def finished(self) -> bool:
        return self.status in ("success", "failure")


class TraceEvaluations(Shape):
    trace_evaluations: list[TraceEvaluation]
    count: int
    total: int


class Step(Shape):
    tool: str
    args: dict[str, Any]
    result: str


class EarlierStep(Shape):
    """A step as clients before 1.7 read it."""

    step: int
    reasoning: str


class TraceEvaluationResult(Shape):
    id: Id
    trace_evaluation_id: Id
    trace_id: Id
    judge_id: Id
    score: Fraction
    passed: bool
    reasoning: str
    steps: list[Step]
    model: str
    turns: int
    latency_ms: int
    prompt_tokens: int
    completion_tokens: int
    total_cost: Annotated[float, Field(ge=0)]
    created_at: Iso


class TraceEstimate(Shape):
    estimated_cost: Annotated[float, Field(ge=0)]
    input_tokens: int
    output_tokens: int
    model: str
    trace_count: int


class OptimizationEstimate(Shape):
    estimated_cost: Annotated[float, Field(ge=0)]
    annotation_count: int
    budget: Literal["light", "medium", "heavy"]


class OptimizationHandle(Shape):
    id: Id
    judge_id: Id
    budget: Literal["light", "medium", "heavy"]
    status: Work


class Optimization(Shape):
    id: Id
    organization_id: Id
    project_id: Id
    judge_id: Id
    status: Work
    created_at: Iso
    user_id: str | None
    status_description: str | None
    judge_snapshot: JudgeSnapshot | None
    annotation_count: int
    budget: Literal["light", "medium", "heavy"]
    baseline_accuracy: Fraction | None
    optimized_accuracy: Fraction | None
    original_goal: str | None
    optimized_goal: str | None
    logs: str | None
    estimated_cost: Annotated[float, Field(ge=0)]
    actual_cost: Annotated[float, Field(ge=0)]
    started_at: Iso | None
    finished_at: Iso | None
    applied_at: Iso | None
    applied_version: int | None

    @property
    def finished(self) -> bool:
        return self.status in ("success", "failure")


class Optimizations(Shape):
    optimization_runs: list[Optimization]
    count: int
    total: int


class Applied(Shape):
    judge_id: Id
    new_version: int
    message: str


class User(Shape):
    email: str
    name: str
    given_name: str
    sub: str


class Tokens(Shape):
    access_token: str
    expires_in: int
    token_type: Literal["Bearer"]
    user: User


class AuthConfig(Shape):
    region: str
    client_id: str
    domain: str
    scopes: list[str] | str


class Fault(Shape):
    path: str
    message: str


class Refused(Shape):
    code: Annotated[str, Field(pattern="^[a-z0-9_]+$")]
    message: Annotated[str, Field(min_length=1)]
    request_id: Annotated[str, Field(min_length=1)]
    details: list[Fault] = []
