# One image for every Python role: Airflow's services, the Celery workers, Spark's master and worker.
# The driver and the executors so have the same Python, the same packages and the same code.
FROM python:3.11-slim-bookworm

# requirements-gpu.txt adds the CUDA libraries; docker-compose.gpu.yaml asks for it.
ARG REQUIREMENTS=requirements.txt
# The version of the hadoop-client jars that pyspark brings.
ARG HADOOP_VERSION=3.5.0

RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 openjdk-17-jre-headless procps tini \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s /usr/lib/jvm/java-17-openjdk-* /usr/lib/jvm/java \
    && useradd --uid 50000 --create-home recsys

WORKDIR /opt/recsys
COPY requirements*.txt ./
RUN pip install --no-cache-dir --requirement "$REQUIREMENTS"

ENV JAVA_HOME=/usr/lib/jvm/java \
    SPARK_HOME=/usr/local/lib/python3.11/site-packages/pyspark \
    SPARK_CONF_DIR=/opt/recsys/docker/spark \
    PYSPARK_PYTHON=/usr/local/bin/python \
    PYTHONPATH=/opt/recsys/include:/opt/recsys/plugins \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/var/lib/recsys/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/recsys/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/recsys/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=false \
    RECSYS_STATE=/var/lib/recsys

# Spark reads an s3:// lake with Hadoop's connector; Ivy finds the versions that belong together.
RUN echo pass > /tmp/nothing.py \
    && SPARK_CONF_DIR=/tmp spark-submit --master 'local[1]' --conf spark.jars.ivy=/tmp/ivy \
       --packages "org.apache.hadoop:hadoop-aws:$HADOOP_VERSION" /tmp/nothing.py \
    && cp /tmp/ivy/jars/*.jar "$SPARK_HOME/jars/" \
    && rm -rf /tmp/ivy /tmp/nothing.py

COPY conf conf
COPY docker docker
COPY include include
COPY plugins plugins
COPY jobs jobs
COPY dags dags

RUN mkdir -p /var/lib/recsys/airflow && chown -R recsys /var/lib/recsys
USER recsys
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]
