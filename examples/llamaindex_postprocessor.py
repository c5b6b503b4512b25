"""A LlamaIndex node postprocessor, and an app that uses it. Needs a service, and llama-index-core."""

from llama_index.core.bridge.pydantic import Field
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode

from condenser_client import CompressOptions, Condenser


class CondenserPostprocessor(BaseNodePostprocessor):
    """Shortens each retrieved node to what answers the query; `capsule` in its metadata gives it back whole."""

    client: Condenser = Field(default_factory=Condenser, exclude=True)
    options: CompressOptions = Field(default_factory=lambda: CompressOptions(target_ratio=0.4))

    @classmethod
    def class_name(cls) -> str:
        """The name that LlamaIndex stores it under."""
        return "CondenserPostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        """The nodes in their order; one that could not be compressed stays as it is."""
        if not nodes:
            return []
        options: CompressOptions = {**self.options}
        if query_bundle is not None:
            options["question"] = query_bundle.query_str
        texts = [one.node.get_content(MetadataMode.NONE) for one in nodes]
        shortened = list(nodes)
        for answer in self.client.batch(texts, **options).results:
            if answer.result is not None:
                whole = nodes[answer.index]
                node = TextNode(
                    text=answer.result.compressed,
                    id_=whole.node.node_id,
                    metadata={**whole.node.metadata, "capsule": answer.result.capsule.model_dump()},
                    excluded_llm_metadata_keys=[*whole.node.excluded_llm_metadata_keys, "capsule"],
                    excluded_embed_metadata_keys=[*whole.node.excluded_embed_metadata_keys, "capsule"],
                )
                shortened[answer.index] = NodeWithScore(node=node, score=whole.score)
        return shortened


if __name__ == "__main__":
    from pathlib import Path

    from llama_index.core import Document, MockEmbedding, VectorStoreIndex
    from llama_index.core.llms import MockLLM  # Ollama(model="...") and OllamaEmbedding(...) in a real app

    text = Path(__file__).with_name("outage.txt").read_text()
    index = VectorStoreIndex.from_documents([Document(text=text)], embed_model=MockEmbedding(embed_dim=8))
    shorten = CondenserPostprocessor(options={"target_ratio": 0.25, "method": "extractive"})
    engine = index.as_query_engine(llm=MockLLM(), node_postprocessors=[shorten])
    print(engine.query("How many orders were affected?").source_nodes[0].node.get_content())
